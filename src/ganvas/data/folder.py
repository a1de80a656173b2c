"""Pictures in a folder and the folders below it."""

import os
import stat
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from ganvas.core.files import Stream
from ganvas.core.signatures import HEAD_BYTES
from ganvas.data.entries import Entry, Skipped, Source, printable, why_skip
from ganvas.data.listing import Rows

_NOT_ENTERED = {
    "__MACOSX": "not entered: macOS's notes about other files",
    "@eaDir": "not entered: thumbnails made by a network disk",
}


@dataclass(frozen=True)
class Folder(Source):
    """A folder on disk; paths of entries are relative to it, with forward slashes."""

    root: str

    def name(self, path: str) -> str:
        return printable(path)

    def open(self, entry: Entry) -> Stream:
        return Path(self.root, entry.path).open("rb")


def list_folder(root: Path) -> tuple[Rows, list[Skipped]]:
    """List every file below `root`, in no particular order.

    Links to folders are followed last, and only to folders that were not read yet: so loops
    end, and a picture is named by the place where it really lies.
    """
    rows = Rows(Folder(str(root)))
    skipped: list[Skipped] = []
    read_already: set[tuple[int, int]] = set()
    folders, links = deque([""]), deque[str]()
    while folders or links:
        below = folders.popleft() if folders else links.popleft()
        try:
            status = Path(root, below).stat()
            if (status.st_dev, status.st_ino) in read_already:
                reason = "not entered: a link to a folder that is read already"
                skipped.append(Skipped(printable(below), reason))
                continue
            read_already.add((status.st_dev, status.st_ino))
            deeper = []
            with os.scandir(Path(root, below)) as items:
                for item in items:
                    found = _look_at(item, printable(f"{below}{item.name}"))
                    if isinstance(found, os.stat_result):
                        size, time = found.st_size, found.st_mtime_ns
                        rows.add(f"{below}{item.name}", size_bytes=size, mtime_ns=time)
                    elif isinstance(found, Skipped):
                        skipped.append(found)
                    else:
                        deeper.append(item)
        except OSError as error:
            skipped.append(Skipped(printable(below or "./"), f"not entered: {error.strerror}"))
            continue
        for item in sorted(deeper, key=lambda item: item.name):
            (links if item.is_symlink() else folders).append(f"{below}{item.name}/")
    return rows, skipped


def _look_at(item: "os.DirEntry[str]", name: str) -> os.stat_result | Skipped | None:
    """Return facts about a picture, something to skip, or None for a folder to go on with."""
    try:
        status = item.stat()
    except OSError as error:
        is_lost = item.is_symlink()
        return Skipped(name, "a link to nothing" if is_lost else f"cannot be opened: {error}")
    if stat.S_ISDIR(status.st_mode):
        if item.name.startswith("."):
            return Skipped(f"{name}/", "not entered: a hidden folder")
        reason = _NOT_ENTERED.get(item.name)
        return Skipped(f"{name}/", reason) if reason else None
    if not stat.S_ISREG(status.st_mode):
        return Skipped(name, "not a picture, but a pipe, socket or device")
    reason = why_skip(name, lambda: _head(item.path))
    return status if reason is None else Skipped(name, reason)


def _head(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(HEAD_BYTES)
