"""Sizes of the growing pair (no torch here)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ganvas.core.canvas import Resolution
from ganvas.layers.sizes import RESOLUTIONS, problem_with_size
from ganvas.models.registry import ModelConfig


class Config(ModelConfig):
    """The defaults are for minutes on two processor cores; width 8 is the paper's, for a GPU."""

    recipes: ClassVar[tuple[str, ...]] = ("progressive",)

    arch: Literal["progressive"] = "progressive"
    """Begins with 4x4 pictures and fades larger layers in."""
    width: Annotated[float, Field(gt=0, le=16)] = 1.0
    """Multiplies all channels: time grows with its square."""

    def problem_with(self, *, resolution: Resolution, alone: bool) -> str | None:  # noqa: ARG002
        """Refuse sizes that are not 4x4 doubled a few times."""
        return problem_with_size(self.arch, resolution, RESOLUTIONS, square=True)
