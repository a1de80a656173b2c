"""From pictures and wishes to one complete configuration (no torch here)."""

from collections.abc import Callable, Mapping
from typing import Any

from ganvas.data.inspect import inspect
from ganvas.data.inspection import Inspection
from ganvas.training.config import TrainConfig
from ganvas.training.presets import Facts, resolve


def look(
    images: str, wanted: Mapping[str, Any], progress: Callable[[int, int], None] | None = None
) -> Inspection:
    """Look at all pictures that will be used; those found good are prepared on the way."""
    data = dict(wanted.get("data", {}))
    classes, only = data.pop("classes", "none"), data.pop("only", None)
    return inspect(images, classes=classes, only=only, settings=data, progress=progress)


def complete(images: str, wanted: Mapping[str, Any], found: Inspection) -> TrainConfig:
    """Complete what the user wants with a preset that suits the pictures.

    `wanted` is part of a config.json, nested as there. Raises ConfigError.
    """
    facts = Facts(
        num_images=found.usable,
        channels=found.channels,
        native_px=found.resolution,
        num_classes=found.num_classes,
    )
    return resolve(images, facts, overrides=wanted)
