"""Checkpoints that survive a kill at any moment, a full disk and a flipped bit.

One is a folder of safetensors files and a meta.json with the SHA-256 of each and of itself. It
is written under a hidden name and renamed when whole, so a visible folder was once complete.
"""

import hashlib
import json
import math
import shutil
import tempfile
import time
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ganvas.core.config import Config
from ganvas.core.errors import CheckpointError
from ganvas.core.files import flush, sha256, write_json
from ganvas.runs.folder import FORMAT, RunFolder, kimg_name, writing
from ganvas.runs.generator_file import detached


class Entry(Config):
    """What a file of a checkpoint must be."""

    bytes: int
    sha256: str


class Manifest(Config):
    """A checkpoint's meta.json, without its own hash."""

    format: int
    nimg: int
    written_ns: int
    files: dict[str, Entry]
    meta: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """A saved state, known to be whole."""

    path: Path
    nimg: int
    meta: dict[str, Any]

    def tensors(self, file: str) -> dict[str, Tensor]:
        """Read one of its safetensors files, by its name without suffix."""
        path = self.path / f"{file}.safetensors"
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{path} cannot be read: {error}") from None


def save(
    run: RunFolder,
    nimg: int,
    tensors: Mapping[str, Mapping[str, Tensor]],
    meta: Mapping[str, Any],
    keep: int,
    *,
    also: Collection[int] = (),
) -> Path:
    """Write `tensors` (file -> name -> tensor) and `meta`; afterwards `keep` remain.

    Those at the nimg in `also` remain besides, however old they are.
    Checkpoints past `nimg` belong to a future that was rolled back, and go. On any error a
    RunError is raised and all earlier checkpoints stay.
    """
    folder = run.path / "checkpoints"
    with writing(folder):
        folder.mkdir(exist_ok=True)
        _remove_leftovers(folder)
        temporary = Path(tempfile.mkdtemp(dir=folder, prefix=".new-"))
        try:
            _write(temporary, nimg, tensors, meta)
            path = _put_in_place(temporary, nimg)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        _prune(folder, nimg, keep, also)
    return path


def newest(run: RunFolder, *, up_to: float = math.inf) -> Checkpoint | None:
    """Return the newest checkpoint that verifies; warn about every newer one that does not.

    Those past the nimg `up_to` are passed over.
    """
    for path, found in _listed(run.path / "checkpoints"):
        if isinstance(found, Manifest) and found.nimg > up_to:
            continue
        problem = found if isinstance(found, str) else _problem_with(path, found)
        if isinstance(found, Manifest) and problem is None:
            return Checkpoint(path, found.nimg, found.meta)
        warnings.warn(f"checkpoint {path} is left out: {problem}", stacklevel=2)
    return None


def _write(
    folder: Path, nimg: int, tensors: Mapping[str, Mapping[str, Tensor]], meta: Mapping[str, Any]
) -> None:
    files = {}
    for file, named in tensors.items():
        path = folder / f"{file}.safetensors"
        save_file(detached(named), path)
        flush(path)
        files[path.name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    plain = {"files": files, "meta": json.loads(json.dumps(dict(meta)))}
    values = {"format": FORMAT, "nimg": nimg, "written_ns": time.time_ns(), **plain}
    write_json(folder / "meta.json", values | {"sha256": _digest(values)})
    folder.chmod(0o755)
    flush(folder)


def _put_in_place(temporary: Path, nimg: int) -> Path:
    """Rename into place; one of the same nimg is replaced without a moment with neither."""
    folder = temporary.parent
    path = folder / kimg_name(nimg)
    found = _manifest(path) if path.exists() else None
    if isinstance(found, Manifest) and found.nimg != nimg:
        path = folder / f"{kimg_name(nimg)}-{nimg}"
    if path.exists():
        # A folder cannot be renamed onto a full one: the new one is visible first, under
        # another name, then the old one goes.
        beside = temporary.rename(folder / f"{path.name}-{time.time_ns()}")
        flush(folder)
        path.rename(folder / f".old-{beside.name}")
        beside.rename(path)
    else:
        temporary.rename(path)
    flush(folder)
    return path


def _prune(folder: Path, nimg: int, keep: int, also: Collection[int]) -> None:
    """Remove all but the `keep` newest whole ones up to `nimg`, each by a rename first."""
    kept: set[int] = set()
    for path, found in _listed(folder):
        if (
            isinstance(found, Manifest)
            and _size_problem(path, found) is None
            and found.nimg <= nimg
            and found.nimg not in kept
            and (len(kept) < keep or found.nimg in also)
        ):
            kept.add(found.nimg)
        else:
            path.rename(folder / f".old-{path.name}")
    _remove_leftovers(folder)


def _remove_leftovers(folder: Path) -> None:
    for path in (*folder.glob(".new-*"), *folder.glob(".old-*")):
        shutil.rmtree(path, ignore_errors=True)


def _listed(folder: Path) -> list[tuple[Path, Manifest | str]]:
    """All visible checkpoints with their meta.json, or what is wrong with it, newest first."""
    found = [(path, _manifest(path)) for path in folder.glob("[!.]*") if path.is_dir()]
    return sorted(found, key=_age, reverse=True)


def _age(found: tuple[Path, Manifest | str]) -> tuple[int, int]:
    # One with a damaged meta.json comes first, so that it is warned about.
    manifest = found[1]
    return (2**63, 0) if isinstance(manifest, str) else (manifest.nimg, manifest.written_ns)


def _manifest(path: Path) -> Manifest | str:
    try:
        values = json.loads((path / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "its meta.json is missing or damaged"
    if not isinstance(values, dict) or values.pop("sha256", None) != _digest(values):
        return "its meta.json is damaged"
    if values.get("format") != FORMAT:
        raise CheckpointError(
            f"checkpoint {path} has format {values.get('format')!r}, "
            f"this ganvas reads format {FORMAT}"
        )
    return Manifest.from_dict(values)


def _problem_with(path: Path, manifest: Manifest) -> str | None:
    if problem := _size_problem(path, manifest):
        return problem
    for name, entry in manifest.files.items():
        if sha256(path / name) != entry.sha256:
            return f"{name} is damaged"
    return None


def _size_problem(path: Path, manifest: Manifest) -> str | None:
    for name, entry in manifest.files.items():
        if not (path / name).is_file():
            return f"{name} is missing"
        if (path / name).stat().st_size != entry.bytes:
            return f"{name} is not whole"
    return None


def _digest(values: Mapping[str, Any]) -> str:
    """Hash of all else in meta.json, so that a flipped bit there is found too."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
