"""Pictures in a folder and the folders below it."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ganvas.core.signatures import HEAD_BYTES
from ganvas.data.entries import Entry, Skipped, why_skip


@dataclass(frozen=True)
class FileEntry(Entry):
    """A file on disk."""

    path: str

    def _open(self) -> BinaryIO:
        return Path(self.path).open("rb")


def list_folder(root: Path) -> tuple[list[Entry], list[Skipped]]:
    """List every file below `root`. Links to folders come last and only if not read yet,
    so that loops end and a picture keeps the name of the place where it really lies.
    """
    entries: list[Entry] = []
    skipped: list[Skipped] = []
    seen: set[tuple[int, int]] = set()
    links: list[Path] = []
    waiting = [root]
    while waiting or links:
        folder = waiting.pop() if waiting else links.pop(0)
        try:
            status = folder.stat()
            found = sorted(os.scandir(folder), key=lambda item: item.name)
        except OSError as error:
            skipped.append(Skipped(f"{_name(folder, root)}/", _cannot(error)))
            continue
        if (status.st_dev, status.st_ino) in seen:
            reason = "a link to a folder that is read already"
            skipped.append(Skipped(f"{_name(folder, root)}/", reason))
            continue
        seen.add((status.st_dev, status.st_ino))
        for item in found:
            path = Path(item.path)
            if not item.is_dir():
                _take_file(path, _name(path, root), entries, skipped)
            elif item.name.startswith(".") or item.name == "__MACOSX":
                skipped.append(Skipped(f"{_name(path, root)}/", "a hidden folder"))
            else:
                (links if item.is_symlink() else waiting).append(path)
    return entries, skipped


def _take_file(path: Path, name: str, entries: list[Entry], skipped: list[Skipped]) -> None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            reason: str | None = "not a picture, but a pipe, socket or device"
        else:
            reason = why_skip(name, lambda: _head(path))
    except OSError as error:
        reason = "a link to nothing" if path.is_symlink() else _cannot(error)
    if reason is None:
        entry = FileEntry(name, 0, status.st_size, status.st_mtime_ns, str(path))
        entries.append(entry)
    else:
        skipped.append(Skipped(name, reason))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _name(path: Path, root: Path) -> str:
    # A Linux file name is any bytes; what is no UTF-8 would fail when printed or written as JSON.
    return os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")


def _cannot(error: OSError) -> str:
    return f"cannot be opened: {error.strerror or error}"
