"""Sizes of the residual pair (no torch here)."""

from typing import Annotated, Literal

from pydantic import Field

from ganvas.core.canvas import Resolution
from ganvas.layers import sizes
from ganvas.models.registry import ModelConfig

RESOLUTIONS = (8, *sizes.RESOLUTIONS)


class Config(ModelConfig):
    """The defaults are for minutes on two processor cores; width 4 is for a GPU."""

    arch: Literal["resnet"] = "resnet"
    """Residual blocks, no normalisation, for relativistic losses with penalties."""
    width: Annotated[float, Field(gt=0, le=16)] = 1.0
    """Multiplies all channels: time grows with its square."""
    blocks: Annotated[int, Field(ge=1, le=8)] = 1
    """Residual blocks at each size."""
    skip: bool = False
    """Sum RGB pictures over all sizes (StyleGAN2's skip generator)."""
    norm_g: Literal["none", "batch", "pixel"] = "none"
    """Normalisation in the generator's blocks; the discriminator never has any."""
    stem: Literal["plain", "fold"] = "plain"
    """fold: D's first layer sees 2x2 pixels as channels, which saves its dearest stage."""

    def problem_with(self, *, resolution: Resolution, alone: bool) -> str | None:  # noqa: ARG002
        """Refuse sizes that are not 4x4 doubled a few times."""
        return sizes.problem_with_size(self.arch, resolution, RESOLUTIONS)
