"""Pictures in a folder and the folders below it."""

import stat
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from ganvas.core.files import Stream
from ganvas.core.signatures import HEAD_BYTES
from ganvas.data.entries import Entry, Skipped, printable, why_skip

_NOT_ENTERED = {
    "__MACOSX": "not entered: macOS's notes about other files",
    "@eaDir": "not entered: thumbnails made by a network disk",
}


@dataclass(frozen=True)
class FileEntry(Entry):
    """A file on disk."""

    path: str

    def _open(self) -> Stream:
        return Path(self.path).open("rb")


def list_folder(root: Path) -> tuple[list[Entry], list[Skipped]]:
    """List every file below `root`, in no particular order.

    Links to folders are followed last, and only to folders that were not read yet: so loops
    end, and a picture is named by the place where it really lies.
    """
    entries: list[Entry] = []
    skipped: list[Skipped] = []
    read_already: set[tuple[int, int]] = set()
    folders, links = deque([root]), deque[Path]()
    while folders or links:
        folder = folders.popleft() if folders else links.popleft()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in read_already:
                reason = "not entered: a link to a folder that is read already"
                skipped.append(Skipped(f"{_name(folder, root)}/", reason))
                continue
            read_already.add((status.st_dev, status.st_ino))
            found = sorted(folder.iterdir())
        except OSError as error:
            skipped.append(Skipped(f"{_name(folder, root)}/", f"not entered: {error.strerror}"))
            continue
        for path in found:
            item = _look_at(path, _name(path, root))
            if isinstance(item, Entry):
                entries.append(item)
            elif isinstance(item, Skipped):
                skipped.append(item)
            else:
                (links if item.is_symlink() else folders).append(item)
    return entries, skipped


def _look_at(path: Path, name: str) -> Entry | Skipped | Path:
    """Return what this is: a picture, something to skip, or a folder to go on with."""
    try:
        status = path.stat()
    except OSError as error:
        is_lost = path.is_symlink()
        return Skipped(name, "a link to nothing" if is_lost else f"cannot be opened: {error}")
    if stat.S_ISDIR(status.st_mode):
        if path.name.startswith("."):
            return Skipped(f"{name}/", "not entered: a hidden folder")
        return Skipped(f"{name}/", _NOT_ENTERED[path.name]) if path.name in _NOT_ENTERED else path
    if not stat.S_ISREG(status.st_mode):
        return Skipped(name, "not a picture, but a pipe, socket or device")
    if (reason := why_skip(name, lambda: _head(path))) is not None:
        return Skipped(name, reason)
    return FileEntry(name, 0, status.st_size, status.st_mtime_ns, str(path))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _name(path: Path, root: Path) -> str:
    return printable(path.relative_to(root).as_posix())
