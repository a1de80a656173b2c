"""Training from Python: one call that blocks, like `ganvas train`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganvas.core.canvas import Resolution
from ganvas.runs.folder import RunFolder
from ganvas.training.configure import complete, look, starting_from
from ganvas.training.events import Event, Finished
from ganvas.training.session import session_steps


def train(
    images: str | Path,
    *,
    name: str | None = None,
    runs: str | Path = "runs",
    new: bool = False,
    arch: str | None = None,
    resolution: Resolution | None = None,
    start: str | Path | None = None,
    on_event: Callable[[Event], object] | None = None,
    **settings: Any,
) -> RunFolder:
    """Train on a folder, a zip or builtin:NAME until done; return the run.

    `settings` are those of a config.json: minutes=5, kimg=100, preset="few", seed=1,
    data={"classes": "folders"}, optim={"lr_d": 1e-4}. The same call again continues an unfinished
    run; `new` starts afresh, `name` names it. `resolution` is 64, or "64x96" (width x height).
    `start` is a run, a generator file or an official StyleGAN2 .pkl with whose weights it begins.
    `on_event` is told what happens. Raises GanvasError.
    """
    wanted = dict(settings)
    for other, given in (("minutes", "kimg"), ("kimg", "minutes")):
        if given in wanted:
            wanted.setdefault(other, None)
    if arch is not None:
        wanted["model"] = {"arch": arch} | wanted.get("model", {})
    if resolution is not None:
        wanted["data"] = {"resolution": resolution} | wanted.get("data", {})
    wanted = starting_from(start, wanted)
    config = complete(str(images), wanted, look(str(images), wanted))
    finished = None
    init_from = None if start is None else str(start)
    for event in session_steps(config, root=Path(runs), name=name, new=new, init_from=init_from):
        if on_event is not None:
            on_event(event)
        finished = event
    assert isinstance(finished, Finished)
    return RunFolder.open(finished.run)
