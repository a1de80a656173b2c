"""Writing files so that a crash, a full disk or a second process never leaves half of one."""

import contextlib
import hashlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

Stream = io.BufferedReader | io.BytesIO
"""An open file, or bytes like one."""


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it and rename it into place.

    On any error the temporary file is removed and `path` stays what it was. Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        flush(temporary)
        # mkstemp makes files only their owner can read; a picture is meant to be shared.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 file atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write indented JSON atomically."""
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def append_json_line(path: Path, values: Mapping[str, Any]) -> None:
    """Append one JSON object as one line in one write, so readers never see half a line."""
    line = (json.dumps(values, ensure_ascii=False) + "\n").encode()
    with path.open("ab", buffering=0) as file:
        file.write(line)


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Read all whole lines; a torn last line (a crash while writing) is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines if line]


def sha256(path: Path) -> str:
    """Hash a file without reading it whole into memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush(path: Path) -> None:
    """Force a file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Whether a process holds `lock_file` on this file; one that is not there is not locked."""
    try:
        with path.open("rb") as file:
            lock_file(file)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


if sys.platform == "win32":
    import msvcrt

    def lock_file(file: BinaryIO) -> None:
        """Take a file until it is closed. Raises BlockingIOError while another process has it."""
        # Windows locks are mandatory: lock a byte far behind the text, which stays readable.
        file.seek(2**30)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError from error
else:
    import fcntl

    def lock_file(file: BinaryIO) -> None:
        """Take a file until it is closed. Raises BlockingIOError while another process has it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
