"""What a source of pictures is made of: entries that can be opened, and files that were skipped."""

import abc
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from ganvas.core.errors import UnreadablePicture
from ganvas.core.files import Stream
from ganvas.core.signatures import looks_like_picture, why_not

# Only shortcuts: a file with another ending is judged by its first bytes.
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
_ARCHIVE_ENDINGS = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
# Most of these are TIFF files whose first picture is a thumbnail: taken for TIFF they would be
# used at the size of a stamp.
_RAW_ENDINGS = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".pef", ".raf", ".srw")


class Source(abc.ABC):
    """A folder, an archive or a built-in set; picklable, and any process can open its entries."""

    @abc.abstractmethod
    def name(self, path: str) -> str:
        """Return a path inside the source with forward slashes, safe to print."""

    @abc.abstractmethod
    def open(self, entry: "Entry") -> Stream:
        """Open for reading, seekable. Raises nearly anything."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that may well be a picture."""

    source: Source
    path: str
    """Inside the source, as that spells it."""
    label: int
    """Index into the scan's `class_names`; 0 without classes."""
    size_bytes: int
    mtime_ns: int

    @property
    def name(self) -> str:
        """Path inside the source with forward slashes, safe to print."""
        return self.source.name(self.path)

    def open(self) -> Stream:
        """Open for reading, seekable. Raises UnreadablePicture with the reason."""
        try:
            return self.source.open(self)
        except Exception as error:  # Archives raise nearly anything when they are damaged.
            raise UnreadablePicture(_cannot(error)) from None


@dataclass(frozen=True, slots=True)
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
    if ending in PICTURE_ENDINGS:
        return None
    if ending in _ARCHIVE_ENDINGS:
        return "an archive inside: unpack it first"
    if ending in _RAW_ENDINGS:
        return "a camera's raw picture: save it as JPEG, PNG or TIFF first"
    try:
        first = head()
    except Exception as error:  # As in Entry.open.
        return _cannot(error)
    return None if looks_like_picture(first) else why_not(first)


def printable(name: str) -> str:
    """Escape control characters and bytes that are no UTF-8: both are allowed in file names."""
    if name.isprintable():
        return name
    return "".join(
        letter.encode("unicode_escape").decode() if _is_unsafe(letter) else letter
        for letter in name
    )


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


def _cannot(error: Exception) -> str:
    if isinstance(error, UnreadablePicture):
        return str(error)
    if isinstance(error, OSError):
        return f"cannot be opened: {error.strerror or error}"
    return f"damaged: {error}"


def _is_unsafe(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")
