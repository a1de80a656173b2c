"""Sizes of the pair for few pictures (no torch here)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ganvas.core.canvas import Resolution
from ganvas.layers.sizes import problem_with_size
from ganvas.models.registry import ModelConfig

RESOLUTIONS = (32, 64, 128, 256)


class Config(ModelConfig):
    """The defaults are for minutes on two processor cores; the paper's width is 64."""

    recipes: ClassVar[tuple[str, ...]] = ("fastgan", "standard", "simultaneous")

    arch: Literal["fastgan"] = "fastgan"
    """Skip-layer excitation, and a discriminator that rebuilds what it sees: for few pictures."""
    width: Annotated[int, Field(ge=4, le=128)] = 8
    """Multiplies all channels: sixteenfold at 4x4, by a half at 256x256."""
    reach: Literal[8, 16] = 8
    """A map gates the one so many times as large; the paper's 16 leaves none at 32 px."""

    def problem_with(self, *, resolution: Resolution, alone: bool) -> str | None:  # noqa: ARG002
        """Refuse sizes without a 16x16 map to take quarters from."""
        return problem_with_size(self.arch, resolution, RESOLUTIONS)


def channels_at(size: int, width: int) -> int:
    """Return the channels of a size x size map: 16, 8, 4, 2, 2, 1, 1/2 times `width`."""
    return max(4, round(width * {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 0.5}[size]))
