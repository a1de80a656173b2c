"""The folder is the registry: an architecture is a sub-folder with `config.py` and `networks.py`.

This file and the `config.py` files never import torch, so `--help` stays fast.
"""

import pkgutil
from abc import abstractmethod
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ganvas.core.canvas import Resolution
from ganvas.core.config import Config
from ganvas.core.errors import ConfigError

if TYPE_CHECKING:
    from ganvas.models.base import Generator, Observer


class ModelConfig(Config):
    """What every architecture's `Config` in `models/<arch>/config.py` has in common.

    Each adds `arch: Literal["<arch>"] = "<arch>"` and its own widths, and says in
    `problem_with` which pictures or settings it cannot work with.
    """

    has_styles: ClassVar[bool] = False
    """Whether the generator is a `StyleGenerator`."""
    observer: ClassVar[Literal["Discriminator", "Encoder"]] = "Discriminator"
    """The class in `networks.py` that looks at pictures while the generator learns."""
    recipes: ClassVar[tuple[str, ...]] = ("standard", "simultaneous")
    """Procedures that can train this pair."""

    arch: str
    """Name of the architecture: its folder under `models/`."""
    z_dim: Annotated[int, Field(ge=1, le=1024)] = 128
    """Numbers in a latent vector."""

    @abstractmethod
    def problem_with(self, *, resolution: Resolution, alone: bool) -> str | None:
        """Say in one sentence why these settings cannot work, or return None.

        `alone`: D must judge each picture without a look at the others of its batch.
        """


@cache
def names() -> tuple[str, ...]:
    """List all architectures, sorted."""
    package = import_module("ganvas.models")
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.ispkg))


def config_class(arch: str) -> type[ModelConfig]:
    """Return an architecture's torch-free `Config`. Raises ConfigError naming the choices."""
    if arch not in names():
        raise ConfigError(f"there is no architecture {arch!r}; choose from {', '.join(names())}")
    found: type[ModelConfig] = import_module(f"ganvas.models.{arch}.config").Config
    return found


def parse(value: Any) -> ModelConfig:
    """Turn a dict with an `arch` key into that architecture's config; configs pass through."""
    if isinstance(value, ModelConfig):
        return value
    return config_class(value["arch"]).model_validate(value)


def build(
    config: ModelConfig,
    *,
    channels: int,
    resolution: Resolution,
    num_classes: int = 0,
    pack: int = 1,
) -> "tuple[Generator, Observer]":
    """Make a freshly initialised pair; seed torch's global generator first for a fixed start.

    `pack` pictures are stacked on the channels of the observer's input (PacGAN).
    """
    networks = import_module(f"ganvas.models.{config.arch}.networks")
    from ganvas.models.base import Shape

    shape = Shape(channels, resolution, num_classes, pack)
    observer = getattr(networks, config.observer)
    return networks.Generator(config, shape), observer(config, shape)
