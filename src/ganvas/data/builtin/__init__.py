"""Two small sets inside the package, so that everything can be tried without a download.

Each is one lossless sheet of tiles (made by `scripts/make_builtin`; credits in THIRD_PARTY.md).
"""

import importlib.resources
from collections.abc import Callable
from dataclasses import dataclass

from ganvas.core.errors import DataError
from ganvas.core.files import Stream
from ganvas.data.entries import Entry, Skipped, Source
from ganvas.data.listing import Rows

DIGITS_PER_CLASS = 500


@dataclass(frozen=True)
class Collection:
    """A sheet of square tiles, row by row, and the names of the pictures on it."""

    sheet: str
    tile_px: int
    mode: str
    """Pillow's name of how a tile stores a pixel."""
    has_copies: bool
    names: Callable[[], list[str]]


@dataclass(frozen=True)
class Builtin(Source):
    """A built-in set; an entry is a tile of its sheet."""

    collection: str

    def name(self, path: str) -> str:
        return f"{self.collection}/{path}.png"

    def open(self, entry: Entry) -> Stream:
        from ganvas.data.builtin.sheets import open_tile

        return open_tile(COLLECTIONS[self.collection], entry.path)


def list_builtin(name: str) -> tuple[Rows, list[Skipped]]:
    """List a built-in set. Raises DataError for a name that is none."""
    if name not in COLLECTIONS:
        raise DataError(f"There is no builtin:{name}; there are {', '.join(COLLECTIONS)}.")
    collection = COLLECTIONS[name]
    rows = Rows(Builtin(name))
    num_bytes = collection.tile_px**2 * len(collection.mode)
    for picture in collection.names():
        rows.add(picture, size_bytes=num_bytes, mtime_ns=0)
    return rows, []


def _digit_names() -> list[str]:
    return [f"{digit}/{index:04d}" for digit in range(10) for index in range(DIGITS_PER_CLASS)]


def _emoji_names() -> list[str]:
    return read("emoji.txt").decode().split()


def read(name: str) -> bytes:
    """Read a file that lies beside this one."""
    return importlib.resources.files(__name__).joinpath(name).read_bytes()


COLLECTIONS = {
    "digits": Collection("digits.png", 28, "L", False, _digit_names),
    "emoji": Collection("emoji.webp", 64, "RGBA", True, _emoji_names),
}
