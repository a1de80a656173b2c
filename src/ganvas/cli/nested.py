"""The nested flags of `train`, `--optim.lr-d` and so on, made from the configuration.

Cyclopts needs a millisecond for each flag, so it gets only those that a command line may have,
and the page of `--help` lists them without it.
"""

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

from cyclopts import Parameter

from ganvas.cli.flags import DATA, Everyday
from ganvas.core.config import Config, descriptions
from ganvas.models import registry
from ganvas.training.config import TrainConfig

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel

HIDDEN = {"data": DATA, "model": ("arch",)}
"""Settings that have a flag of every day."""


def sections(arch: str) -> dict[str, type[Config]]:
    """List the parts of a training's configuration; `model` is that of one architecture."""
    return {
        name: registry.config_class(arch) if name == "model" else field.annotation
        for name, field in TrainConfig.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Config)
    }


def needed(tokens: Sequence[str], arch: str) -> list[str]:
    """Name the sections that a command line has flags of.

    All of them where there is a flag that is in none: the right one is then suggested.
    """
    everyday = {field.name.strip("_").replace("_", "-") for field in dataclasses.fields(Everyday)}
    names = list(sections(arch))
    flags = [token.lstrip("-").partition("=")[0] for token in tokens if token.startswith("-")]
    used = {flag.partition(".")[0] for flag in flags}
    return [name for name in names if name in used] if used <= everyday.union(names) else names


def settings_class(arch: str, names: Collection[str]) -> Any:
    """Make a dataclass with one inner dataclass a section, for Cyclopts to fill."""
    configs = sections(arch)
    fields = {name: _section(name, configs[name]) for name in names}
    return Annotated[dataclass_of("Settings", fields) | None, Parameter(name="*", show=bool(names))]


def given(settings: Any) -> dict[str, dict[str, Any]]:
    """Collect what the user set, as nested plain values: {"optim": {"lr_d": 0.0001}}."""
    return {
        name: {key: value for key, value in section.items() if value is not None}
        for name, section in dataclasses.asdict(settings).items()
        if section is not None
    }


def help_panels(arch: str) -> "list[HelpPanel]":
    """Describe all sections, for the page that Cyclopts begins with the flags of every day."""
    from cyclopts.help import HelpPanel

    return [
        HelpPanel(
            format="parameter",
            title=f"--{name} of {arch}" if name == "model" else f"--{name}",
            description=(config.__doc__ or "").split("\n")[0],
            entries=[_help_entry(name, *flag) for flag in _flags(name, config)],
        )
        for name, config in sorted(sections(arch).items())
    ]


def _section(name: str, config: type[Config]) -> Any:
    several = Parameter(consume_multiple=True)
    fields = {key: Annotated[kind | None, several] for key, kind, _ in _flags(name, config)}
    return Annotated[dataclass_of(name.title(), fields) | None, Parameter(name=name)]


def _flags(section: str, config: type[Config]) -> Iterator[tuple[str, Any, str]]:
    """Yield name, type and meaning of each setting without a flag of every day."""
    # Types without their ranges, which Cyclopts would check in its own words.
    types, texts = get_type_hints(config), descriptions(config)
    for key in config.model_fields:
        if key not in HIDDEN.get(section, ()):
            yield key, types[key], texts.get(key, "")


def _help_entry(section: str, key: str, kind: Any, text: str) -> "HelpEntry":
    from cyclopts.help import HelpEntry

    name, several = key.replace("_", "-"), get_origin(kind) is tuple
    one = kind
    while get_origin(one) not in (None, Literal):
        one = next(inner for inner in get_args(one) if inner is not NoneType)
    choices = get_args(one)
    value = "CHOICE" if choices else one.__name__.upper()
    negative = ("no-",) if one is bool else ("empty-",) if several else ()
    return HelpEntry(
        positive_names=(f"--{section}.{name}",),
        negative_names=tuple(f"--{section}.{prefix}{name}" for prefix in negative),
        metavar=None if one is bool else f"{value}..." if several else value,
        choices=tuple(map(str, choices)),
        description=text,
    )


def dataclass_of(name: str, types: dict[str, Any]) -> Any:
    """Make a frozen dataclass of keywords for Cyclopts to fill; what is not given is None."""
    fields = [(key, kind, None) for key, kind in types.items()]
    made = dataclasses.make_dataclass(name, fields, frozen=True, kw_only=True)
    # Not `types`, where make_dataclass puts it: Cyclopts takes that for a built-in class. Nor a
    # module that exists: it would search its source for docstrings, each time anew.
    made.__module__ = f"{__name__}.{name}"
    return made
