"""ganvas: train a GAN on your own pictures, make new ones, and repaint photos.

Public names are those of `__all__`, loaded when they are first used: `import ganvas` is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganvas.core.errors import GanvasError as GanvasError
    from ganvas.data.inspect import inspect as inspect
    from ganvas.latent.export.api import export as export
    from ganvas.latent.generate import generate as generate
    from ganvas.latent.load import load_generator as load_generator
    from ganvas.style.api import stylize as stylize
    from ganvas.style.config import StyleConfig as StyleConfig
    from ganvas.style.steps import stylize_steps as stylize_steps
    from ganvas.training.api import train as train
    from ganvas.training.config import TrainConfig as TrainConfig
    from ganvas.training.evaluation import evaluate_run as evaluate_run
    from ganvas.training.loop import train_steps as train_steps

_HOMES = {
    "GanvasError": "ganvas.core.errors",
    "StyleConfig": "ganvas.style.config",
    "TrainConfig": "ganvas.training.config",
    "evaluate_run": "ganvas.training.evaluation",
    "export": "ganvas.latent.export.api",
    "generate": "ganvas.latent.generate",
    "inspect": "ganvas.data.inspect",
    "load_generator": "ganvas.latent.load",
    "stylize": "ganvas.style.api",
    "stylize_steps": "ganvas.style.steps",
    "train": "ganvas.training.api",
    "train_steps": "ganvas.training.loop",
}

__all__ = [
    "GanvasError",
    "StyleConfig",
    "TrainConfig",
    "evaluate_run",
    "export",
    "generate",
    "inspect",
    "load_generator",
    "stylize",
    "stylize_steps",
    "train",
    "train_steps",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ganvas' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
