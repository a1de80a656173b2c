"""Square maps from 4x4 up to the picture, each twice the one before (no torch here)."""

from collections.abc import Sequence

RESOLUTIONS = (16, 32, 64, 128, 256)
"""Pictures whose maps are halved and doubled a few times."""


def sizes_to(resolution: int) -> list[int]:
    """List 4, 8, 16 ... up to the picture's height."""
    return [2**power for power in range(2, resolution.bit_length())]


def channels_at(size: int, width: float) -> int:
    """Return the channels of a size x size map: halved where the size doubles, above 8 px.

    So a convolution costs the same at every size. Multiples of 8 fill the vector units.
    """
    return max(8, 8 * round(width * min(512 / size, 64) / 8))


def problem_with_size(arch: str, resolution: int, choices: Sequence[int]) -> str | None:
    """Say that an architecture cannot make pictures of this size, where that is so."""
    if resolution in choices:
        return None
    listed = ", ".join(map(str, choices))
    return f"model.arch {arch} makes pictures of {listed} px, not {resolution}"
