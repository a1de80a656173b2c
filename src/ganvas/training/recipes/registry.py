"""The folder is the registry: a recipe is a file here with `step(state, batch, context, dice)`.

What it remembers from step to step, beside networks and optimisers, is in `state.memory`: numbers
whose names and starts are in its `MEMORY`, if it has one.
"""

import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from ganvas.core.errors import ConfigError

if TYPE_CHECKING:
    from ganvas.training.context import Batch, Context, Stats
    from ganvas.training.dice import Dice
    from ganvas.training.state import TrainState

Step: TypeAlias = "Callable[[TrainState, Batch, Context, Dice], Stats]"


@cache
def names() -> tuple[str, ...]:
    """List all recipes, sorted."""
    package = import_module("ganvas.training.recipes")
    found = (module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(sorted(name for name in found if name != "registry"))


def load(name: str) -> Step:
    """Return a recipe's step. Raises ConfigError naming the choices."""
    step: Step = _module(name).step
    return step


def memory(name: str) -> Mapping[str, float]:
    """Return the numbers a recipe remembers from step to step, its `MEMORY`, as they start."""
    found: Mapping[str, float] = vars(_module(name)).get("MEMORY", {})
    return found


def _module(name: str) -> ModuleType:
    if name not in names():
        raise ConfigError(f"there is no recipe {name!r}; choose from {', '.join(names())}")
    return import_module(f"ganvas.training.recipes.{name}")
