"""`ganvas tune`: settings that suit one's pictures, found by many short trainings."""

from dataclasses import replace

from ganvas.cli import console
from ganvas.cli.flags import Everyday, Size
from ganvas.cli.interrupt import EXIT_CODE, stop_request
from ganvas.cli.options import Out
from ganvas.cli.settings import wanted_settings
from ganvas.core.files import write_json


def tune(
    images: str,
    /,
    *,
    minutes: float,
    out: Out,
    preset: str | None = None,
    resolution: Size = None,
    seed: int | None = None,
) -> int:
    """Look for settings that suit your pictures: many short trainings, bad ones ended early.

    The result is a file for `ganvas train --config`. The same command again goes on; Ctrl-C keeps
    the best so far.

    Parameters
    ----------
    images
        A folder, a zip, or builtin:NAME (digits, emoji).
    minutes
        How long to look; sixty and more are worth while.
    out
        The settings, as JSON.
    preset
        Starting point; chosen by the pictures otherwise.
    seed
        Start of all random numbers.
    """
    flags = replace(Everyday(), preset=preset, resolution=resolution, seed=seed)
    from ganvas.training.configure import complete, look
    from ganvas.training.tune import tune_steps

    wanted = wanted_settings(flags, {})
    config = complete(images, wanted, look(images, wanted))
    screen = console.out()
    out.parent.mkdir(parents=True, exist_ok=True)
    journal = out.with_suffix(".trials")
    with stop_request() as stop:
        for tried in tune_steps(config, minutes=minutes, journal=journal, should_stop=stop):
            ended = tried.reason or f"kid {tried.score:.2f}"
            best = "" if tried.best_score is None else f"  (best {tried.best_score:.2f})"
            line = f"trial {tried.number}  {_shown(tried.changes)}  {ended}{best}"
            screen.print(line, soft_wrap=True)
            write_json(out, tried.best.to_dict())
        stopped = stop()
    if not out.exists():
        screen.print("No trial was finished: give it more minutes.")
        return EXIT_CODE if stopped else 1
    screen.print(f"Settings: {console.short_path(out)}", soft_wrap=True)
    screen.print(f"Next: ganvas train {images} --config {console.short_path(out)}", soft_wrap=True)
    return EXIT_CODE if stopped else 0


def _shown(changes: dict) -> str:
    """Write nested settings as they would be typed."""
    parts = []
    for section, value in changes.items():
        inner = value if isinstance(value, dict) else {"": value}
        for key, one in inner.items():
            name = f"{section}.{key}" if key else section
            parts.append(f"{name} {one:.3g}" if isinstance(one, float) else f"{name} {one}")
    return ", ".join(parts)
