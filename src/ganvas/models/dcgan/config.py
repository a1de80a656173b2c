"""Sizes and variants of the DCGAN pair (no torch here)."""

from typing import Annotated, Literal

from pydantic import Field

from ganvas.core.canvas import Resolution
from ganvas.layers.sizes import RESOLUTIONS, problem_with_size, sizes_to
from ganvas.models.registry import ModelConfig


class Config(ModelConfig):
    """The defaults are the paper's network at 64 px; at other sizes stages come and go."""

    arch: Literal["dcgan"] = "dcgan"
    """Convolutions with batch norm."""
    z_dim: Annotated[int, Field(ge=1, le=1024)] = 100
    """Numbers in a latent vector."""
    width: Annotated[int, Field(ge=4, le=512)] = 64
    """Channels next to the pictures; they double with each halving of the size, up to 8x."""
    width_d: Annotated[int, Field(ge=0, le=1024)] = 0
    """The discriminator's channels next to the pictures; 0: as many as width."""
    variant: Literal["strided", "pooling"] = "strided"
    """strided: convolutions that resize, as in the paper; pooling: convolutions with average
    pooling or upsampling and fully connected layers, as in the lesson."""
    blur: bool = False
    """Blur the generator's last layer, before its tanh, with a fixed [1 2 1] filter: it cannot
    make the grain of one pixel that strided convolutions leave."""
    norm_g: Literal["batch", "none"] = "batch"
    """Normalisation in the generator."""
    norm_d: Literal["batch", "none", "spectral"] = "batch"
    """Normalisation in the discriminator; spectral bounds the slope of every layer."""
    init: Literal["normal02", "he", "default"] = "normal02"
    """Weights from N(0, 0.02) as in the paper; he: scaled to each layer's inputs, for high
    learning rates; default: PyTorch's start."""

    def problem_with(self, *, resolution: Resolution, alone: bool) -> str | None:
        """Refuse sizes without a stage, and batch norm where D must judge each picture alone."""
        if alone and self.norm_d == "batch":
            return (
                "BatchNorm in D mixes the samples of a batch, but a gradient penalty is per "
                "sample, and recipe simultaneous needs a D that judges each picture alone: use "
                "model.norm_d none or spectral"
            )
        return problem_with_size(self.arch, resolution, RESOLUTIONS)


def channels_by_stage(width: int, resolution: Resolution) -> list[int]:
    """Return channels from half the picture's size down to 4x4: width, 2x, 4x, 8x, 8x ..."""
    stages = len(sizes_to(resolution)) - 1
    return [width * min(2**stage, 8) for stage in range(stages)]
