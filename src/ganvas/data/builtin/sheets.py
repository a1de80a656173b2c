"""The sheets of the built-in sets, cut into their tiles."""

import functools
import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ganvas.core.files import Stream
from ganvas.data.builtin import Collection, read


def open_tile(collection: Collection, name: str) -> Stream:
    """Return a tile as an open PNG."""
    file = io.BytesIO()
    Image.fromarray(tiles(collection)[_indices(collection)[name]]).save(
        file, "PNG", compress_level=0
    )
    file.seek(0)
    return file


@functools.cache
def tiles(collection: Collection) -> UInt8[np.ndarray, "n h w"] | UInt8[np.ndarray, "n h w c"]:
    """All pictures of a built-in set: grey digits, emoji with opacity."""
    with Image.open(io.BytesIO(read(collection.sheet))) as image:
        sheet = np.asarray(image)
    px, num = collection.tile_px, len(collection.names())
    height, width, *channels = sheet.shape
    rows = sheet.reshape(height // px, px, width // px, px, *channels).swapaxes(1, 2)
    return np.ascontiguousarray(rows.reshape(-1, px, px, *channels)[:num])


@functools.cache
def _indices(collection: Collection) -> dict[str, int]:
    return {name: index for index, name in enumerate(collection.names())}
