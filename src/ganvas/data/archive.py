"""Pictures in a zip, read member by member; nothing is ever unpacked to the disk."""

import functools
import io
import os
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ganvas.core.errors import DataError, UnreadablePicture
from ganvas.core.signatures import HEAD_BYTES
from ganvas.data.entries import Entry, Skipped, why_skip

MAX_MEMBER_BYTES = 512 * 2**20
MAX_RATIO = 200
"""A member above 16 MiB that packs better than this is a bomb: real pictures are packed already."""
_SMALL_BYTES = 16 * 2**20


@dataclass(frozen=True)
class ZipEntry(Entry):
    """A member of a zip."""

    archive: str
    member: str

    def _open(self) -> BinaryIO:
        archive = _open_archive(self.archive, self.mtime_ns, os.getpid())
        try:
            return io.BytesIO(archive.read(self.member))
        except KeyError:
            raise UnreadablePicture("gone: the archive was changed meanwhile") from None


@functools.lru_cache(maxsize=4)
def _open_archive(path: str, mtime_ns: int, process: int) -> zipfile.ZipFile:  # noqa: ARG001
    # Kept open, because reading the list of members costs far more than one of them. By process,
    # because a forked one would share the position in the file with its parent.
    return zipfile.ZipFile(path)


def list_zip(path: Path) -> tuple[list[Entry], list[Skipped]]:
    """List every file in the zip. Raises DataError when the archive itself is broken."""
    status = path.stat()
    try:
        archive = _open_archive(str(path), status.st_mtime_ns, os.getpid())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{path} cannot be read as a zip ({error}): pack it again or give the folder itself."
        ) from None
    members = [info for info in archive.infolist() if not info.is_dir()]
    last = {info.filename: k for k, info in enumerate(members)}
    entries: list[Entry] = []
    skipped: list[Skipped] = []
    for k, info in enumerate(members):
        name = _name(info)
        reason = "replaced by a later file of the same name" if last[info.filename] != k else None
        reason = reason or _why_skip(archive, info, name)
        if reason is None:
            entry = ZipEntry(name, 0, info.file_size, status.st_mtime_ns, str(path), info.filename)
            entries.append(entry)
        else:
            skipped.append(Skipped(name, reason))
    return entries, skipped


def _why_skip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> str | None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return "its path leads out of the archive"
    if info.flag_bits & 1:
        return "encrypted: pack it again without a password"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link inside the archive"
    if info.file_size > MAX_MEMBER_BYTES:
        return f"too large: unpacks to more than {MAX_MEMBER_BYTES >> 20} MiB"
    if info.file_size > max(_SMALL_BYTES, MAX_RATIO * info.compress_size):
        return f"too large: unpacks to more than {MAX_RATIO} times its size"
    if any(part.startswith(".") for part in path.parts[:-1]):
        return "in a hidden folder"
    return why_skip(name, lambda: _head(archive, info))


def _head(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as file:
        return file.read(HEAD_BYTES)


def _name(info: zipfile.ZipInfo) -> str:
    # Some Windows packers write backslashes, against the standard.
    return info.filename.replace("\\", "/")
