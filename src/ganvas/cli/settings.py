"""From flags and a JSON file to what the user wants, as it would stand in config.json."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganvas.cli.flags import DATA, TOP, Everyday
from ganvas.core.config import merge
from ganvas.core.errors import ConfigError
from ganvas.training.configure import starting_from

NOT_SETTINGS = ("format", "ganvas", "images")
"""Keys of a run's config.json that a command line decides anew."""


def wanted_settings(flags: Everyday, nested: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the flags over the file: what the user wants, as it would stand in config.json."""
    file = read_config(flags.config) if flags.config else {}
    arch = file.get("model", {}).get("arch")
    if flags.arch and arch and flags.arch != arch:
        raise ConfigError(f"--config {flags.config} is for {arch}, --arch says {flags.arch}")
    wanted = merge(file, merge(nested, everyday_settings(flags)))
    return starting_from(flags.from_, wanted)


def everyday_settings(flags: Everyday) -> dict[str, Any]:
    """Put the everyday flags that were given where they stand in config.json."""
    if flags.kimg is not None and flags.minutes is not None:
        raise ConfigError("give the length either as --kimg or as --minutes, not both")
    settings = _given(flags, TOP)
    # The other one may stand in the file.
    if flags.kimg is not None:
        settings["minutes"] = None
    elif flags.minutes is not None:
        settings["kimg"] = None
    if data := _given(flags, DATA):
        settings["data"] = data
    if flags.arch is not None:
        settings["model"] = {"arch": flags.arch}
    return settings


def read_config(path: Path) -> dict[str, Any]:
    """Read settings from JSON. Raises ConfigError when they are not a JSON object."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"--config {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"--config {path} is not JSON: {error}") from None
    if not isinstance(values, dict) or not isinstance(values.get("model", {}), dict):
        raise ConfigError(
            f"--config {path} holds no settings: it must be an object, as config.json"
        )
    return {key: value for key, value in values.items() if key not in NOT_SETTINGS}


def _given(flags: Everyday, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(flags, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}
