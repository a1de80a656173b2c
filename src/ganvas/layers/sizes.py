"""Maps from 4x4 up to the picture, each twice the one before; of oblongs from another grid on.

No torch here.
"""

from collections.abc import Sequence
from itertools import product
from math import log

from ganvas.core.canvas import MOST_PX, Resolution, of, sides

RESOLUTIONS = (16, 32, 64, 128, 256)
"""Pictures whose maps are halved and doubled a few times."""
GRID = range(3, 9)
"""Rows and columns that the smallest map of an oblong may have."""


def grid_of(resolution: Resolution) -> tuple[int, int]:
    """Return rows and columns of the smallest map: 4x4, of 64x96 6x4, of 64x48 3x4."""
    rows, columns = sides(resolution)
    if rows == columns:
        return 4, 4
    while rows % 2 == columns % 2 == 0 and min(rows, columns) >= 2 * GRID[0]:
        rows, columns = rows // 2, columns // 2
    return rows, columns


def sizes_to(resolution: Resolution) -> list[int]:
    """List 4, 8, 16 ... up to a square's height.

    The maps of an oblong are called by these sizes too, as if the smallest were 4x4.
    """
    doublings = (sides(resolution)[0] // grid_of(resolution)[0]).bit_length()
    return [4 << power for power in range(doublings)]


def channels_at(size: int, width: float) -> int:
    """Return the channels of a size x size map: halved where the size doubles, above 8 px.

    So a convolution costs the same at every size. Multiples of 8 fill the vector units.
    """
    return max(8, 8 * round(width * min(512 / size, 64) / 8))


def problem_with_size(
    arch: str, resolution: Resolution, choices: Sequence[int], *, square: bool = False
) -> str | None:
    """Say that an architecture cannot make pictures of this size, where that is so.

    `choices` are the squares that it makes, and unless it is for squares only, say which sizes
    oblongs may have (`sizes_to`).
    """
    height, width = sides(resolution)
    if height == width:
        listed = ", ".join(map(str, choices))
        problem = f"model.arch {arch} makes pictures of {listed} px, not {resolution}"
        return None if resolution in choices else problem
    if square:
        return f"model.arch {arch} makes square pictures only, not {resolution}"
    nearest = nearest_oblong(height, width, choices)
    if resolution == nearest:
        return None
    return (
        f"model.arch {arch} doubles a map of {GRID[0]} to {GRID[-1]} by {GRID[0]} to {GRID[-1]}, "
        f"which never becomes {resolution}: {nearest} is nearest"
    )


def nearest_oblong(height: float, width: float, choices: Sequence[int] = RESOLUTIONS) -> Resolution:
    """Return the oblong of the nearest shape, and among these the one of the nearest area."""
    named = [of(r * size // 4, c * size // 4) for size, r, c in product(choices, GRID, GRID)]
    oblongs = [one for one in named if isinstance(one, str) and max(sides(one)) <= MOST_PX]

    def distance(resolution: Resolution) -> tuple[float, float]:
        tall, wide = sides(resolution)
        return abs(log(tall / wide * width / height)), abs(log(tall * wide / height / width))

    return min((one for one in oblongs if sizes_to(one)[-1] in choices), key=distance)
