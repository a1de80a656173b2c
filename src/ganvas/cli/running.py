"""A training with its progress on the screen, and what to type next."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganvas.cli import console
from ganvas.cli.flags import Everyday
from ganvas.cli.folders import runs_root, short_name
from ganvas.cli.interrupt import EXIT_CODE, StopRequest, stop_request
from ganvas.cli.progress import Display, follow, kimg, open_display, watched
from ganvas.runs.folder import RunFolder
from ganvas.training.config import TrainConfig
from ganvas.training.configure import complete, look
from ganvas.training.events import Finished
from ganvas.training.launch import check, has_ended, is_worker, launch


def run(images: str, flags: Everyday, wanted: Mapping[str, Any]) -> int:
    """Carry out `ganvas train`."""
    if has_ended():
        return 0
    screen = console.out()
    with stop_request() as stop, open_display(screen) as display:
        config = complete(images, wanted, look(images, wanted, watched(display, stop)))
        if is_for_several(flags):
            finished = None
        else:
            finished = train_shown(
                config,
                display,
                stop,
                root=runs_root(),
                name=flags.run,
                new=flags.new,
                init_from=flags.from_,
            )
    if finished is None:
        check(config, devices=flags.devices or 1)
        return launch(sys.argv[1:], devices=flags.devices or 1)
    again = shlex.join(["ganvas", *(token for token in sys.argv[1:] if token != "--new")])
    screen.print(closing(finished, again=again), soft_wrap=True)
    return EXIT_CODE if finished.interrupted else 0


def is_for_several(flags: Everyday) -> bool:
    """Whether this process is the one that starts the others, and does not train itself."""
    return flags.devices is not None and flags.devices > 1 and not is_worker()


def train_shown(
    config: TrainConfig,
    display: Display,
    stop: StopRequest,
    *,
    root: Path,
    name: str | None = None,
    new: bool = False,
    init_from: str | None = None,
) -> Finished:
    """Train and show it; return how it ended."""
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


def closing(finished: Finished, *, again: str) -> str:
    """Say how it ended, where the pictures are, and what to type next."""
    where = console.short_path(finished.run)
    length = f"{kimg(finished.nimg)} of {kimg(finished.total_nimg)} kimg"
    samples = RunFolder(finished.run).samples()
    pictures = [f"Pictures: {console.short_path(samples[-1][1])}"] if samples else []
    if finished.interrupted:
        head = f"Stopped after {length}; {where} is saved."
        return "\n".join([head, *pictures, "To go on:", f"  {again}"])
    if finished.already:
        more = "A longer --minutes or --kimg extends it, --new starts afresh."
        head = f"Already done: {where}, {length}. {more}"
    else:
        head = f"Done: {where}, {length}."
    run = shlex.quote(short_name(finished.run))
    following = [
        f"  ganvas generate {run} -o pictures --grid",
        f"  ganvas timelapse {run} -o learn.webp",
        f"  ganvas evaluate {run}",
    ]
    return "\n".join([head, *pictures, "Next:", *following])
