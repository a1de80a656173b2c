"""What to try after a training that could not be saved: a command that runs as it stands."""

import shlex
from pathlib import Path
from typing import Any

from ganvas.core.config import merge
from ganvas.core.errors import ConfigError
from ganvas.training.config import TrainConfig

CALMER = 4.0
"""Rates are divided by this, and the weight of the penalties multiplied."""


def better_command(run: Path, config: TrainConfig) -> str:
    """Write the command of a calmer training with otherwise the same settings."""
    flags = [
        f"--{section}.{key.replace('_', '-')}={value:g}"
        for section, values in calmer(config).items()
        for key, value in values.items()
    ]
    settings = f"--config={run / 'config.json'}"
    return shlex.join(["ganvas", "train", config.images, "--new", settings, *flags])


def calmer(config: TrainConfig) -> dict[str, dict[str, float]]:
    """Lower rates, stronger penalties where there are any, packing where it is possible."""
    changes: dict[str, dict[str, float]] = {
        "optim": {"lr_g": config.optim.lr_g / CALMER, "lr_d": config.optim.lr_d / CALMER}
    }
    if config.loss.gamma and {"r1", "r2"} & set(config.loss.penalties):
        changes["loss"] = {
            "gamma": config.loss.gamma * CALMER,
            "gamma_end": config.loss.gamma_end * CALMER,
        }
    packed = changes | {"cure": {"pack": 2}}
    return packed if config.cure.pack == 1 and _is_possible(config, packed) else changes


def _is_possible(config: TrainConfig, changes: dict[str, Any]) -> bool:
    try:
        TrainConfig.from_dict(merge(config.to_dict(), changes))
    except ConfigError:
        return False
    return True
