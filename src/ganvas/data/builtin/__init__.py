"""Two small sets inside the package, so that everything can be tried without a download.

Each is one lossless sheet of tiles (made by `scripts/make_builtin`; credits in THIRD_PARTY.md).
"""

import functools
import importlib.resources
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ganvas.core.errors import DataError
from ganvas.core.images import Stream
from ganvas.data.entries import Entry, Skipped

DIGITS_PER_CLASS = 500


@dataclass(frozen=True)
class Collection:
    """A sheet of square tiles, row by row, and the names of the pictures on it."""

    sheet: str
    tile_px: int
    names: Callable[[], list[str]]


@dataclass(frozen=True)
class BuiltinEntry(Entry):
    """A tile of a sheet."""

    collection: str
    index: int

    def _open(self) -> Stream:
        file = io.BytesIO()
        Image.fromarray(tiles(self.collection)[self.index]).save(file, "PNG", compress_level=0)
        file.seek(0)
        return file


def list_builtin(name: str) -> tuple[list[Entry], list[Skipped]]:
    """List a built-in set. Raises DataError for a name that is none."""
    if name not in COLLECTIONS:
        raise DataError(f"There is no builtin:{name}; there are {', '.join(COLLECTIONS)}.")
    collection = COLLECTIONS[name]
    pixels = tiles(name)
    return [
        BuiltinEntry(f"{name}/{picture}.png", 0, pixels[index].nbytes, 0, name, index)
        for index, picture in enumerate(collection.names())
    ], []


@functools.cache
def tiles(name: str) -> UInt8[np.ndarray, "n h w"] | UInt8[np.ndarray, "n h w c"]:
    """All pictures of a built-in set: grey digits, emoji with opacity."""
    collection = COLLECTIONS[name]
    with Image.open(io.BytesIO(_file(collection.sheet))) as image:
        sheet = np.asarray(image)
    px, num = collection.tile_px, len(collection.names())
    height, width, *channels = sheet.shape
    rows = sheet.reshape(height // px, px, width // px, px, *channels).swapaxes(1, 2)
    return np.ascontiguousarray(rows.reshape(-1, px, px, *channels)[:num])


def _digit_names() -> list[str]:
    return [f"{digit}/{index:04d}" for digit in range(10) for index in range(DIGITS_PER_CLASS)]


def _emoji_names() -> list[str]:
    return _file("emoji.txt").decode().split()


def _file(name: str) -> bytes:
    return importlib.resources.files(__name__).joinpath(name).read_bytes()


COLLECTIONS = {
    "digits": Collection("digits.png", 28, _digit_names),
    "emoji": Collection("emoji.webp", 64, _emoji_names),
}
