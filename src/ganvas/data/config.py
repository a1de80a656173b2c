"""How pictures become a training set (no torch here)."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ganvas.core.canvas import Resolution, parse
from ganvas.core.config import Config

Fit = Literal["crop", "pad", "stretch"]
Classes = Literal["none", "folders"]


class DataConfig(Config):
    """What is read from the pictures and how it is brought to one size."""

    resolution: Annotated[Resolution, BeforeValidator(parse)] = 64
    """Size of the training pictures in pixels: 64 for squares, "64x96" for 64 wide and 96 high."""
    channels: Literal[1, 2, 3] = 3
    """1 for grey pictures, 3 for colour; 2 with resolution 1 for points in a plane."""
    fit: Fit = "crop"
    """How a picture of another shape is made to fit: cut the edges, add borders, or stretch."""
    classes: Classes = "none"
    """"folders": each sub-folder of pictures is a class."""
    only: str | None = None
    """Use only the pictures of this class (sub-folder)."""
    background: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#ffffff"
    """Colour behind transparent pictures and in padded borders, as #rrggbb."""
    mirror: bool = False
    """Show each picture also flipped left to right (not for letters, digits, hands)."""
    min_size_px: Annotated[int, Field(ge=1)] = 8
    """Pictures with a shorter side than this are skipped."""
    max_megapixels: Annotated[float, Field(gt=0, le=1000)] = 100.0
    """Pictures larger than this are skipped: a small file can hold a picture that fills memory."""
