"""How large pictures are: 64 for a square, "64x96" for 64 px wide and 96 px high. Light."""

import re

Resolution = int | str
"""The side of a square, or WIDTHxHEIGHT of an oblong, in pixels: what `parse` returns."""
MOST_PX = 1024


def parse(value: object) -> Resolution:
    """Read 64, "64" or "64x96". Raises ValueError that says what is wanted."""
    found = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", str(value))
    width, height = (int(side or found[1]) for side in found.groups()) if found else (0, 0)
    if not (0 < width <= MOST_PX and 0 < height <= MOST_PX):
        raise ValueError(
            f"{value} is no size: give 64 for a square, 64x96 for pictures 64 px wide and 96 px "
            f"high, up to {MOST_PX}"
        )
    return of(height, width)


def of(height: int, width: int) -> Resolution:
    """Name a size."""
    return width if width == height else f"{width}x{height}"


def sides(resolution: Resolution) -> tuple[int, int]:
    """Return height and width."""
    width, _, height = str(resolution).partition("x")
    return int(height or width), int(width)
