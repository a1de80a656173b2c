"""The folder is the registry: a recipe is a file here with `step(state, batch, context, dice)`."""

import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module

from ganvas.core.errors import ConfigError
from ganvas.training.context import Batch, Context, Stats
from ganvas.training.dice import Dice
from ganvas.training.state import TrainState

Step = Callable[[TrainState, Batch, Context, Dice], Stats]


@cache
def names() -> tuple[str, ...]:
    """List all recipes, sorted."""
    package = import_module("ganvas.training.recipes")
    found = (module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(sorted(name for name in found if name != "registry"))


def load(name: str) -> Step:
    """Return a recipe's step. Raises ConfigError naming the choices."""
    if name not in names():
        raise ConfigError(f"there is no recipe {name!r}; choose from {', '.join(names())}")
    step: Step = import_module(f"ganvas.training.recipes.{name}").step
    return step
