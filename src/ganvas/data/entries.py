"""What a source of pictures is made of: entries that can be opened, and files that were skipped."""

import abc
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, final

from ganvas.core.errors import UnreadablePicture
from ganvas.core.signatures import looks_like_picture, why_not

PICTURE_ENDINGS = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .webp .bmp .gif .tif .tiff .avif .heic .heif".split()
)
_ARCHIVE_ENDINGS = frozenset(".zip .tar .gz .tgz .bz2 .xz .7z .rar".split())
# Inside, these are TIFF files whose first picture is a thumbnail: read as TIFF they would be used
# at the size of a stamp.
_RAW_ENDINGS = frozenset(".cr2 .cr3 .nef .arw .dng .orf .rw2 .pef .raf .srw".split())


@dataclass(frozen=True)
class Entry(abc.ABC):
    """A file that may well be a picture; picklable, and any process can open it."""

    name: str
    """Path inside the source with forward slashes, printable as UTF-8."""
    label: int
    """Index into `class_names`; 0 without classes."""
    size_bytes: int
    mtime_ns: int

    @final
    def open(self) -> BinaryIO:
        """Open for reading, seekable. Raises UnreadablePicture with the reason."""
        try:
            return self._open()
        except UnreadablePicture:
            raise
        except OSError as error:
            raise UnreadablePicture(f"cannot be opened: {error.strerror or error}") from None
        except Exception as error:  # Archives raise nearly anything when they are damaged.
            raise UnreadablePicture(f"damaged in the archive: {error}") from None

    @abc.abstractmethod
    def _open(self) -> BinaryIO: ...


@dataclass(frozen=True)
class Skipped:
    """A file that is not used, and why."""

    name: str
    reason: str


def why_skip(name: str, head: Callable[[], bytes]) -> str | None:
    """The reason to leave a file out by its name; its first bytes are asked for in doubt only."""
    path = PurePosixPath(name)
    ending = path.suffix.lower()
    if path.name.startswith("._") or "__MACOSX" in path.parts:
        return "not a picture, but macOS's notes about another file"
    if path.name.startswith("."):
        is_picture = ending in PICTURE_ENDINGS
        return "hidden: its name starts with a dot" if is_picture else "not a picture (hidden)"
    if ending in _ARCHIVE_ENDINGS:
        return "an archive inside: unpack it first"
    if ending in _RAW_ENDINGS:
        return "a camera's raw picture: save it as JPEG, PNG or TIFF first"
    if ending in PICTURE_ENDINGS or looks_like_picture(first := head()):
        return None
    return why_not(first)


def tally(skipped: Iterable[Skipped]) -> str:
    """Group by reason, the most frequent first: `3 not a picture (a.txt, ...); 1 empty (b.png)`."""
    groups: dict[str, list[str]] = defaultdict(list)
    for one in skipped:
        groups[one.reason].append(one.name)
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    return "; ".join(
        f"{len(names)} {reason} ({names[0]}{', ...' if len(names) > 1 else ''})"
        for reason, names in ordered
    )
