"""Sizes of the StyleGAN2 pair (no torch here)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ganvas.core.canvas import Resolution
from ganvas.layers import sizes
from ganvas.models.registry import ModelConfig

RESOLUTIONS = (8, *sizes.RESOLUTIONS, 512, 1024)
MAPPING_RATE = 0.01
"""How fast the mapping learns, as part of the learning rate."""
NOISE_RATE = 0.01
"""The same for the strength of noise: at the full rate it learns grain before any shape."""


class Config(ModelConfig):
    """The defaults are for two processor cores; the paper's are base 32768, most 512, depth 8."""

    has_styles: ClassVar[bool] = True
    recipes: ClassVar[tuple[str, ...]] = ("stylegan2", "standard")

    arch: Literal["stylegan2"] = "stylegan2"
    """A mapping to styles, modulated convolutions, pictures summed over all sizes."""
    w_dim: Annotated[int, Field(ge=1, le=1024)] = 128
    """Numbers in a style."""
    mapping_layers: Annotated[int, Field(ge=1, le=16)] = 2
    """Fully connected layers from the latent to the style."""
    base: Annotated[int, Field(ge=32, le=65536)] = 1024
    """A map of size s has base / s channels: time grows with the square."""
    most: Annotated[int, Field(ge=4, le=1024)] = 64
    """Channels at most."""
    stddev_group: Annotated[int, Field(ge=0, le=64)] = 4
    """Samples whose spread D sees together (minibatch stddev); 0 turns it off."""

    def problem_with(self, *, resolution: Resolution, alone: bool) -> str | None:  # noqa: ARG002
        """Refuse sizes that are not 4x4 doubled a few times."""
        return sizes.problem_with_size(self.arch, resolution, RESOLUTIONS)


def channels_at(size: int, config: Config) -> int:
    """Return the channels of a size x size map: min(base / size, most), at least 4."""
    return max(4, min(config.base // size, config.most))
