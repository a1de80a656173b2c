"""`ganvas train --dry-run`: the complete settings. Light, for a quick answer."""

import sys
from collections.abc import Mapping
from typing import Any

from ganvas.cli import console
from ganvas.cli.interrupt import stop_request
from ganvas.cli.progress import PlainDisplay, watched
from ganvas.training.configure import complete, look


def show_settings(images: str, wanted: Mapping[str, Any]) -> int:
    """Print what a training would be done with, as JSON."""
    with stop_request() as stop, PlainDisplay(_say) as display:
        config = complete(images, wanted, look(images, wanted, watched(display, stop)))
    console.print_json(config.to_dict())
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
