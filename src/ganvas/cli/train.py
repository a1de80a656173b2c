"""`ganvas train`: from flags to a training with progress, and what to type next."""

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganvas.cli import console
from ganvas.cli.flags import Everyday, given, settings_class
from ganvas.cli.folders import runs_root, short_name
from ganvas.cli.interrupt import EXIT_CODE, StopRequest, stop_request
from ganvas.cli.progress import Display, follow, kimg, open_display, watched
from ganvas.cli.settings import look, resolve, wanted_settings
from ganvas.models import registry
from ganvas.training.config import TrainConfig
from ganvas.training.events import Finished, Snapshotted

DEFAULT_ARCH = "resnet"
"""Whose model flags are shown when no architecture is named."""


def command_for(arch: str) -> Callable[..., int]:
    """Make the command with the model flags of one architecture."""
    Settings = settings_class(arch)

    def train(images: str, /, *, flags: Everyday = Everyday(), settings: Any = None) -> int:  # noqa: B008
        """Train a GAN on your pictures; the same command again continues.

        What no flag sets is decided by the preset and the pictures: --dry-run shows it.
        Model flags are those of --arch: --arch dcgan --help shows dcgan's.

        Parameters
        ----------
        images
            A folder, a zip, or builtin:NAME (digits, emoji).
        """
        return run(images, flags, given(settings) if settings else {})

    # Cyclopts reads annotations, and this one exists only now.
    train.__annotations__["settings"] = Settings
    return train


def named_arch(tokens: Sequence[str]) -> str:
    """Find the architecture in a command line before it is parsed, for its own flags."""
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        name, equals, value = token.partition("=")
        arch = value if equals else following
        if name == "--arch" and arch in registry.names():
            return arch
    return DEFAULT_ARCH


def run(images: str, flags: Everyday, nested: Mapping[str, Any]) -> int:
    """Carry out `ganvas train`."""
    wanted = wanted_settings(flags, nested)
    screen = console.err() if flags.dry_run else console.out()
    with stop_request() as stop, open_display(screen) as display:
        config = resolve(images, wanted, look(images, wanted, watched(display, stop)))
        if not flags.dry_run:
            finished, snapshot = train_shown(
                config,
                display,
                stop,
                root=runs_root(),
                name=flags.run,
                new=flags.new,
                init_from=flags.from_,
            )
    if flags.dry_run:
        console.print_json(config.to_dict())
        return 0
    again = shlex.join(["ganvas", *(token for token in sys.argv[1:] if token != "--new")])
    screen.print(closing(finished, snapshot, again=again), soft_wrap=True)
    return EXIT_CODE if finished.interrupted else 0


def train_shown(
    config: TrainConfig,
    display: Display,
    stop: StopRequest,
    *,
    root: Path,
    name: str | None = None,
    new: bool = False,
    init_from: str | None = None,
) -> tuple[Finished, Snapshotted | None]:
    """Train and show it; return how it ended and the newest snapshot."""
    from ganvas.training.session import session_steps

    events = session_steps(
        config,
        root=root,
        name=name,
        new=new,
        init_from=init_from,
        should_stop=stop,
        on_prepare=watched(display, stop),
    )
    return follow(events, display)


def closing(finished: Finished, snapshot: Snapshotted | None, *, again: str) -> str:
    """Say how it ended, where the pictures are, and what to type next."""
    run = short_name(finished.run)
    where = console.short_path(finished.run)
    length = f"{kimg(finished.nimg)} of {kimg(finished.total_nimg)} kimg"
    if finished.interrupted:
        head = f"Stopped after {length}; nothing is lost. To go on:\n  {again}"
    elif finished.already:
        head = f"Already done: {length}. A longer --minutes or --kimg goes on, --new starts afresh."
    else:
        head = f"Done: {length} in {where}"
    lines = [head]
    if snapshot is not None:
        lines.append(f"Pictures so far: {console.short_path(snapshot.samples)}")
    if not finished.interrupted:
        lines += [
            "Next:",
            f"  ganvas generate {shlex.quote(run)} -o pictures --grid",
            f"  ganvas timelapse {shlex.quote(run)} -o learn.webp",
            f"  ganvas evaluate {shlex.quote(run)}",
        ]
    return "\n".join(lines)
