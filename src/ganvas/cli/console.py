"""What the commands share for printing: consoles, JSON, and numbers as people read them."""

import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def out() -> "Console":
    """Make a console on stdout; names are taken literally, and only rank 0 of several speaks."""
    return _console(stderr=False)


def err() -> "Console":
    """Make the same on stderr, for progress beside `--json`."""
    return _console(stderr=True)


def is_main() -> bool:
    """Whether this process is the first of several, the one that speaks."""
    return os.environ.get("RANK", "0") == "0"


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, quiet=not is_main(), markup=False, highlight=False, emoji=False)


def print_json(values: Mapping[str, Any]) -> None:
    """Print one JSON object on stdout; numbers that JSON does not know become null."""
    sys.stdout.write(json.dumps(_finite(values), indent=2, allow_nan=False) + "\n")
    sys.stdout.flush()


def _finite(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


def duration(seconds: float) -> str:
    """Write 45s, 4m10s, 2h05m, 3d04h, or ? for what nobody knows."""
    if not math.isfinite(seconds):
        return "?"
    whole = max(0, round(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d{hours:02d}h"
    if hours:
        return f"{hours}h{minutes:02d}m"
    if minutes:
        return f"{minutes}m{whole % 60:02d}s"
    return f"{whole}s"


def size(num_bytes: float) -> str:
    """Write 312 B, 4.2 kB, 1.3 GB."""
    for unit in ("B", "kB", "MB"):
        if num_bytes < 1000:
            return f"{num_bytes:.0f} B" if unit == "B" else f"{num_bytes:.1f} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:.1f} GB"


def short_path(path: Path) -> str:
    """Write a path as the user would type it: relative when it is below the working folder."""
    here = Path.cwd()
    absolute = path.absolute()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else path)
