"""What to try after a training that could not be saved: a command that runs as it stands."""

import shlex
from pathlib import Path
from typing import Any

from ganvas.core.config import merge
from ganvas.core.errors import ConfigError
from ganvas.training.config import TrainConfig
from ganvas.training.presets import FAR_OFF, rates_off, tried_settings, width_off

CALMER = 4.0
"""Rates are divided by this, and the weight of the penalties multiplied."""
MOST_P = 0.8
Changes = dict[str, dict[str, Any]]
"""Section of the configuration -> setting -> value."""


def better_command(run: Path, config: TrainConfig) -> str:
    """Write the command of a calmer training with otherwise the same settings."""
    return command_with(run, config, calmer(config))


def command_with(run: Path, config: TrainConfig, changes: Changes) -> str:
    """Write the command of a new training with the settings of `run` but for `changes`."""
    flags = []
    for section, values in changes.items():
        for key, value in values.items():
            several = value if isinstance(value, tuple | list) else [value]
            flags.append(f"--{section}.{key.replace('_', '-')}")
            flags += [f"{one:g}" if isinstance(one, float) else str(one) for one in several]
    settings = ["--config", str(run / "config.json")]
    return shlex.join(["ganvas", "train", config.images, "--new", *settings, *flags])


def on_settings(config: TrainConfig) -> list[str]:
    """Say beforehand what is far from the preset: learning rates, D's width, no penalty."""
    notes = []
    for name, times in zip(("lr_g", "lr_d"), rates_off(config), strict=True):
        if not 1 / FAR_OFF < times < FAR_OFF:
            rate = getattr(config.optim, name)
            notes.append(
                f"optim.{name} {rate:g} is {times:.3g} times what the preset {config.preset} was "
                "tried with: too high a rate tears a training apart, too low a one takes for ever"
            )
    match width_off(config):
        case times if times >= FAR_OFF:
            notes.append(
                f"D is {times:.3g} times as wide as G: most of the time goes into D, and G sees "
                "far fewer pictures in the same minutes; --model.width-d 0 makes them alike"
            )
        case times if times <= 1 / FAR_OFF:
            notes.append(
                f"D is {times:.3g} times as wide as G: it sees too little to teach G, and no "
                "learning rate makes up for that; --model.width-d 0 makes them alike"
            )
    if not config.loss.penalties and (tried := tried_settings(config)) and tried.loss.penalties:
        notes.append(
            f"no penalty on D's slopes, where the preset {config.preset} has "
            f"{', '.join(tried.loss.penalties)}: pictures become worse, and collapse is likelier"
        )
    return notes


def remedy(trouble: str, config: TrainConfig) -> Changes:
    """What a new run should do otherwise; empty where no setting helps."""
    match trouble:
        case "labels-flipped":
            return {}
        case "too-slow":
            return _tried_rates(config)
        case "d-too-strong" | "d-too-weak" if _is_at_fault(width_off(config), trouble):
            return {"model": {"width_d": 0}}
        case "d-too-strong":
            return {"optim": {"lr_d": config.optim.lr_d / CALMER}}
        case "d-too-weak":
            times_g, times_d = rates_off(config)
            if min(times_g, times_d) <= 1 / FAR_OFF:
                return _tried_rates(config)
            return {"optim": {"lr_d": min(1.0, config.optim.lr_d * 2)}}
        case "memorising":
            operations = config.augment.operations or ("translation", "color")
            return {"augment": {"operations": operations, "p": MOST_P}}
        case _:
            return calmer(config)


def calmer(config: TrainConfig) -> Changes:
    """Lower rates, stronger penalties where there are any, packing where it is possible.

    Rates far above the preset's are cause enough: then only these are changed.
    """
    if max(rates_off(config)) >= FAR_OFF:
        return _tried_rates(config)
    changes: Changes = {
        "optim": {"lr_g": config.optim.lr_g / CALMER, "lr_d": config.optim.lr_d / CALMER}
    }
    if config.loss.gamma and {"r1", "r2"} & set(config.loss.penalties):
        changes["loss"] = {
            "gamma": config.loss.gamma * CALMER,
            "gamma_end": config.loss.gamma_end * CALMER,
        }
    packed = changes | {"cure": {"pack": 2}}
    return packed if config.cure.pack == 1 and _is_possible(config, packed) else changes


def _is_at_fault(times: float, trouble: str) -> bool:
    """Whether D's width beside G's explains that it is too strong or too weak."""
    return times >= FAR_OFF if trouble == "d-too-strong" else times <= 1 / FAR_OFF


def _tried_rates(config: TrainConfig) -> Changes:
    times_g, times_d = rates_off(config)
    return {"optim": {"lr_g": config.optim.lr_g / times_g, "lr_d": config.optim.lr_d / times_d}}


def _is_possible(config: TrainConfig, changes: Changes) -> bool:
    try:
        TrainConfig.from_dict(merge(config.to_dict(), changes))
    except ConfigError:
        return False
    return True
