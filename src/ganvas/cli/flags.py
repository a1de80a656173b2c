"""The flags of every day of `train`; `nested` has all others.

A flag that is not given is None, "the preset decides"; ranges are checked once, by the
configuration. No torch here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ganvas.cli.options import Switch
from ganvas.data.config import Classes, Fit
from ganvas.models import registry
from ganvas.training.presets import PRESETS

Arch = Annotated[str | None, Parameter(help=f"Architecture: {', '.join(registry.names())}.")]
Size = Annotated[
    str | None, Parameter(help="Size of the pictures in pixels: 64, or 64x96 (width x height).")
]
Preset = Annotated[str | None, Parameter(help=f"Starting point: {', '.join(PRESETS)}.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Everyday:
    """The flags of every day."""

    run: str | None = None
    """Name of the run; without it the newest one with equal settings goes on."""
    arch: Arch = None
    preset: Preset = None
    resolution: Size = None
    minutes: float | None = None
    """How long to train on this machine ..."""
    kimg: float | None = None
    """... or how many thousand pictures to show the discriminator."""
    batch_size: int | None = None
    """Real pictures a step, over all devices."""
    seed: int | None = None
    """Start of all random numbers."""
    device: str | None = None
    """auto, cpu, cuda, cuda:1, mps."""
    devices: int | None = None
    """Train on this many devices of this machine together."""
    classes: Classes | None = None
    """folders: each sub-folder is a class that can be asked for later."""
    only: str | None = None
    """Use only the pictures of this sub-folder."""
    fit: Fit | None = None
    """How a picture of another shape is made to fit."""
    guard: Literal["act", "warn", "off"] | None = None
    """What happens when the training goes wrong."""
    precision: Literal["auto", "fp32", "bf16"] | None = None
    """auto measures whether this machine is good at bf16."""
    recipe: str | None = None
    """Procedure of training."""
    from_: Annotated[str | None, Parameter(name="--from")] = None
    """Start with the weights of another run, an exported file or a StyleGAN2 .pkl."""
    config: Path | None = None
    """JSON with settings, such as a run's config.json; flags win over it."""
    new: Switch = False
    """Start afresh instead of continuing."""
    dry_run: Switch = False
    """Print the complete settings as JSON and stop."""


# Where a setting with an everyday flag stands in the configuration.
TOP = (
    "preset",
    "minutes",
    "kimg",
    "batch_size",
    "seed",
    "device",
    "guard",
    "precision",
    "recipe",
)
DATA = ("resolution", "classes", "only", "fit")
