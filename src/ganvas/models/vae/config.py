"""Sizes of the variational autoencoder (no torch here)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ganvas.core.canvas import Resolution
from ganvas.layers.sizes import problem_with_size, sizes_to
from ganvas.models.registry import ModelConfig

RESOLUTIONS = (8, 16, 32, 64, 128, 256)


class Config(ModelConfig):
    """The defaults are for minutes on two processor cores."""

    observer: ClassVar[Literal["Discriminator", "Encoder"]] = "Encoder"
    recipes: ClassVar[tuple[str, ...]] = ("vae",)

    arch: Literal["vae"] = "vae"
    """Encoder and decoder: no adversary, stable and blurred."""
    z_dim: Annotated[int, Field(ge=1, le=1024)] = 64
    """Numbers in a latent vector."""
    width: Annotated[int, Field(ge=4, le=512)] = 16
    """Channels next to the pictures; they double with each halving of the size, up to 8x."""
    blocks: Annotated[int, Field(ge=1, le=8)] = 1
    """Residual blocks at each size below the full one."""

    def problem_with(self, *, resolution: Resolution, alone: bool) -> str | None:  # noqa: ARG002
        """Refuse sizes that are not 4x4 doubled a few times."""
        return problem_with_size(self.arch, resolution, RESOLUTIONS)


def widths(width: int, resolution: Resolution) -> list[int]:
    """Return the channels from the full size down to 4x4: width, 2x, 4x, 8x, 8x ..."""
    return [width * min(2**stage, 8) for stage in range(len(sizes_to(resolution)))]
