"""The flags of `train`: those of every day, and the nested ones made from the configuration.

A flag that is not given is None, "the preset decides"; ranges are checked once, by the
configuration. No torch here.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from cyclopts import Group, Parameter
from pydantic.fields import FieldInfo

from ganvas.cli.options import Switch
from ganvas.core.config import Config
from ganvas.data.config import Classes, Fit
from ganvas.models import registry
from ganvas.training.config import TrainConfig
from ganvas.training.presets import PRESETS

Arch = Annotated[str | None, Parameter(help=f"Architecture: {', '.join(registry.names())}.")]
Preset = Annotated[str | None, Parameter(help=f"Starting point: {', '.join(PRESETS)}.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Everyday:
    """The flags of every day."""

    run: str | None = None
    """Name of the run; without it the newest one with equal settings goes on."""
    arch: Arch = None
    preset: Preset = None
    resolution: int | None = None
    """Height and width of the pictures in pixels."""
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
    """How a picture becomes square."""
    guard: Literal["act", "warn", "off"] | None = None
    """What happens when the training goes wrong."""
    precision: Literal["auto", "fp32", "bf16"] | None = None
    """auto measures whether this machine is good at bf16."""
    recipe: str | None = None
    """Procedure of training."""
    from_: Annotated[str | None, Parameter(name="--from")] = None
    """Start with the weights of another run or exported file."""
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
HIDDEN = {"data": DATA, "model": ("arch",)}


def settings_class(arch: str) -> Any:
    """Make a dataclass with one inner dataclass a section of TrainConfig, for Cyclopts to fill."""
    fields = [(name, _section(name, config, arch), None) for name, config in sections(arch).items()]
    return Annotated[dataclass_of("Settings", fields) | None, Parameter(name="*")]


def sections(arch: str) -> dict[str, type[Config]]:
    """List the parts of a training's configuration; `model` is that of one architecture."""
    return {
        name: registry.config_class(arch) if name == "model" else field.annotation
        for name, field in TrainConfig.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Config)
    }


def given(settings: Any) -> dict[str, dict[str, Any]]:
    """Collect what the user set, as nested plain values: {"optim": {"lr_d": 0.0001}}."""
    return {
        name: {key: value for key, value in section.items() if value is not None}
        for name, section in dataclasses.asdict(settings).items()
        if section is not None
    }


def optional_flag(
    name: str, field: FieldInfo, types: dict[str, Any], more: Parameter | None = None
) -> tuple[str, Any, None]:
    """Describe a setting as a dataclass field: its type or None, with its docstring as help."""
    text = " ".join((field.description or "").split())
    flag = Parameter(help=text, consume_multiple=True)
    return name, Annotated[types[name] | None, Parameter.combine(flag, more)], None


def dataclass_of(name: str, fields: list[Any]) -> Any:
    """Make a frozen dataclass of keywords for Cyclopts to fill."""
    made = dataclasses.make_dataclass(name, fields, frozen=True, kw_only=True)
    # Not `types`, where make_dataclass puts it: Cyclopts takes that for a built-in class. Nor a
    # module that exists: it would search its source for docstrings, each time anew.
    made.__module__ = f"{__name__}.{name}"
    return made


def _section(name: str, config: type[Config], arch: str) -> Any:
    # Types without their ranges, which Cyclopts would check in its own words.
    types = get_type_hints(config)
    fields = [
        optional_flag(key, field, types)
        for key, field in config.model_fields.items()
        if key not in HIDDEN.get(name, ())
    ]
    title = f"--{name} of {arch}" if name == "model" else f"--{name}"
    group = Group(title, help=(config.__doc__ or "").split("\n")[0])
    section = dataclass_of(name.title(), fields)
    return Annotated[section | None, Parameter(name=name, group=group)]
