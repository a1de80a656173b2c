"""Sizes of the fully connected pair (no torch here)."""

from typing import Annotated, Literal

from pydantic import Field

from ganvas.core.canvas import Resolution, sides
from ganvas.models.registry import ModelConfig

MAX_RESOLUTION = 64
Hidden = Annotated[tuple[Annotated[int, Field(ge=1, le=8192)], ...], Field(min_length=1)]


class Config(ModelConfig):
    """The lesson's sizes; for points use (512, 512, 512) twice, norm none and out linear."""

    arch: Literal["mlp"] = "mlp"
    """Fully connected layers only."""
    z_dim: Annotated[int, Field(ge=1, le=1024)] = 100
    """Numbers in a latent vector."""
    hidden_g: Hidden = (256, 512, 1024)
    """Sizes of the generator's hidden layers, from the latent to the picture."""
    hidden_d: Hidden = (512, 256)
    """Sizes of the discriminator's hidden layers, from the picture to the verdict."""
    norm: Literal["none", "batch"] = "batch"
    """Batch normalisation between the generator's layers; the discriminator never has any."""
    out: Literal["tanh", "linear"] = "tanh"
    """tanh keeps pixels in [-1, 1]; linear is for points and for losses with penalties."""

    def problem_with(self, *, resolution: Resolution, alone: bool) -> str | None:  # noqa: ARG002
        """Refuse pictures with more pixels than fully connected layers can learn."""
        if max(sides(resolution)) <= MAX_RESOLUTION:
            return None
        return (
            f"model.arch mlp has a weight for every pixel and hidden unit and learns up to "
            f"{MAX_RESOLUTION} px, not {resolution}: use dcgan or resnet, or a lower resolution"
        )
