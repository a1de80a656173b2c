"""From pictures and wishes to one complete configuration (no torch here)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ganvas.core.config import merge
from ganvas.core.errors import ConfigError
from ganvas.data.inspect import inspect
from ganvas.data.inspection import Inspection
from ganvas.models.stylegan2 import official
from ganvas.runs.pickled import is_pickle, read_networks
from ganvas.training.config import TrainConfig
from ganvas.training.presets import Facts, resolve


def look(
    images: str, wanted: Mapping[str, Any], progress: Callable[[int, int], None] | None = None
) -> Inspection:
    """Look at all pictures that will be used; those found good are prepared on the way."""
    data = dict(wanted.get("data", {}))
    classes, only = data.pop("classes", "none"), data.pop("only", None)
    return inspect(images, classes=classes, only=only, settings=data, progress=progress)


def starting_from(start: str | Path | None, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Add to what is wanted which network and pictures a StyleGAN2 .pkl needs, if `start` is one.

    Raises ConfigError when another architecture is wanted, CheckpointError.
    """
    if start is None or not is_pickle(start):
        return dict(wanted)
    arch = wanted.get("model", {}).get("arch", "stylegan2")
    if arch != "stylegan2":
        raise ConfigError(f"--from {start} is for --arch stylegan2, not {arch}")
    header = official.header(read_networks(Path(start)))
    shape = {name: header[name] for name in ("resolution", "channels")}
    return merge({"model": header["model"], "data": shape}, wanted)


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
