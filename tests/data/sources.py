"""Small folders and zips to scan, and short views of what a scan found."""

import io
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

from PIL import Image

from ganvas.data.scan import Scan


def _dot() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


DOT = _dot()
"""A black picture of 8 x 8 pixels."""


def zipped(members: dict[str, bytes]) -> bytes:
    """Pack a zip in memory."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def fill(folder: Path, *names: str, others: dict[str, bytes] | None = None) -> Path:
    """Write the same small picture under these names, and other files."""
    for name, data in (dict.fromkeys(names, DOT) | (others or {})).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def pack(folder: Path, *names: str) -> Path:
    """Write a zip of the same small picture under these names."""
    path = folder / "set.zip"
    path.write_bytes(zipped(dict.fromkeys(names, DOT)))
    return path


def names(found: Scan) -> list[str]:
    return [entry.name for entry in found.entries]


def reasons(found: Scan) -> dict[str, str]:
    return {one.name: one.reason for one in found.skipped}


def labels(found: Scan) -> dict[str, str]:
    return {entry.name: found.class_names[entry.label] for entry in found.entries}


def in_another_process(code: str, value: object) -> str:
    """What Python code prints that gets a pickled value on its standard input."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        input=pickle.dumps(value),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
