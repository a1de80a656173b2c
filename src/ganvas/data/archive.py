"""Pictures in a zip, read member by member; nothing is ever unpacked to the disk."""

import functools
import io
import os
import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ganvas.core.errors import DataError, UnreadablePicture
from ganvas.core.files import Stream
from ganvas.core.signatures import HEAD_BYTES, looks_like_picture
from ganvas.data.entries import Entry, Skipped, Source, printable, why_skip
from ganvas.data.listing import Rows

MAX_MEMBER_BYTES = 512 * 2**20
MAX_RATIO = 200
"""Above `SMALL_BYTES`, what packs better than this is a bomb: pictures are packed already."""
SMALL_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Zip(Source):
    """A zip; the time of its members is its own."""

    path: str

    def name(self, path: str) -> str:
        # Some Windows packers write backslashes, against the standard.
        return printable(path.replace("\\", "/"))

    def open(self, entry: Entry) -> Stream:
        archive = _open_archive(self.path, entry.mtime_ns, os.getpid())
        try:
            with archive.open(entry.path) as file:
                # Never without a number: a member may unpack to far more than it declares.
                return io.BytesIO(file.read(entry.size_bytes))
        except KeyError:
            raise UnreadablePicture("gone: the archive has changed meanwhile") from None


@functools.lru_cache(maxsize=4)
def _open_archive(path: str, mtime_ns: int, process: int) -> zipfile.ZipFile:  # noqa: ARG001
    # Kept open, because reading the list of members costs far more than one of them. By process,
    # because a forked one would share the position in the file with its parent.
    return zipfile.ZipFile(path)


def list_zip(path: Path) -> tuple[Rows, list[Skipped]]:
    """List every file in a zip. Raises DataError when it is no zip, or a broken one."""
    mtime_ns = path.stat().st_mtime_ns
    try:
        archive = _open_archive(str(path), mtime_ns, os.getpid())
    except Exception as error:  # zipfile raises nearly anything on a damaged archive.
        raise DataError(_not_a_zip(path, error)) from None
    source = Zip(str(path))
    rows = Rows(source)
    skipped: list[Skipped] = []
    members = [info for info in archive.infolist() if not source.name(info.filename).endswith("/")]
    newest = {info.filename: info for info in members}
    for info in members:
        name = source.name(info.filename)
        if newest[info.filename] is not info:
            skipped.append(Skipped(name, "replaced by a later file of the same name"))
        elif (reason := _why_skip(archive, info, name)) is not None:
            skipped.append(Skipped(name, reason))
        else:
            rows.add(info.filename, size_bytes=info.file_size, mtime_ns=mtime_ns)
    return rows, skipped


def _why_skip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> str | None:
    folders = name.split("/")[:-1]
    if name.startswith("/") or ".." in folders or re.match("[A-Za-z]:", name):
        return "its path leads out of the archive"
    if info.flag_bits & 1:
        return "encrypted: pack it again without a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed by a rare method: pack it again as an ordinary zip"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link inside the archive"
    if info.file_size > MAX_MEMBER_BYTES:
        return f"too large: unpacks to more than {MAX_MEMBER_BYTES >> 20} MiB"
    if info.file_size > max(SMALL_BYTES, MAX_RATIO * info.compress_size):
        return f"too large: unpacks to more than {MAX_RATIO} times its size, like a bomb"
    if any(folder.startswith(".") for folder in folders):
        return "hidden: in a folder whose name starts with a dot"
    return why_skip(name, lambda: _head(archive, info))


def _head(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as file:
        return file.read(HEAD_BYTES)


def _not_a_zip(path: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{path} cannot be opened: {error.strerror}."
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if looks_like_picture(head):
        return f"{path} is a single picture: give the folder it lies in."
    if head.startswith(b"PK"):
        return f"{path} is a damaged zip ({error}): pack it again, or give a folder."
    return f"{path} is neither a folder nor a zip: unpack or convert it, and give the folder."
