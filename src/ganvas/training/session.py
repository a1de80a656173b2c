"""Opening a training: pictures prepared, the run found or made, the plan measured or recorded."""

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ganvas.core.config import replace
from ganvas.core.device import choose_threads
from ganvas.core.errors import DataError
from ganvas.data.store import Store, load_store, prepare
from ganvas.runs import checkpoint
from ganvas.runs.folder import RunFolder
from ganvas.training.advice import on_settings
from ganvas.training.config import TrainConfig
from ganvas.training.engine import Engine, launch_id, start_engine, was_restarted
from ganvas.training.evaluation import REALS_IN_TRAINING, Evaluator
from ganvas.training.events import Event, Finished
from ganvas.training.loop import fitted_contrast, measure_speed, new_state, sample
from ganvas.training.plan import Plan, make_plan, plan_precision
from ganvas.training.resume import Continuation, find_continuation
from ganvas.training.sitting import Sitting
from ganvas.training.state import TrainState
from ganvas.training.transfer import load_weights

MEASURE_SHARE = 0.02
"""Part of the minutes spent on measuring the speed, 8 seconds at most."""

FEWEST_SCORED = 4
"""KID needs two made and two real pictures in each of its halves."""
VERY_FEW = 100
"""Below, a generator has hardly a choice but to repeat its pictures (and none are held out)."""
FEW_SHOWN = 20_000
"""A run by minutes that shows D fewer pictures than this is told to expect little."""

Progress = Callable[[int, int], None]


def never() -> bool:
    """The default of `should_stop`."""
    return False


def session_steps(
    config: TrainConfig,
    *,
    root: Path = Path("runs"),
    name: str | None = None,
    new: bool = False,
    init_from: str | None = None,
    should_stop: Callable[[], bool] = never,
    on_prepare: Progress | None = None,
) -> Iterator[Event]:
    """Train as configured, in a run folder under `root`; yield events until done or stopped.

    The newest unfinished run with equal settings and pictures goes on, unless `new`. `should_stop`
    is asked after every step; closing the iterator stops too. Both leave a checkpoint.
    `init_from` takes the start weights from a run, a generator file or a StyleGAN2 .pkl.
    Raises GanvasError; what was saved before stays.
    """
    start, threads = time.monotonic(), torch.get_num_threads()
    engine = start_engine(config.device, batch_size=config.batch_size, unit=config.unit)
    # Each process asks: one prepares, the others wait for it and find everything done.
    store = prepare(config.images, config.data, progress=on_prepare)
    found = None
    if engine.is_main and (not new or was_restarted()):
        launch = launch_id() if new else None
        wanted = config, store.fingerprint
        found = find_continuation(*wanted, root=root, name=name, init_from=init_from, launch=launch)
    found = engine.broadcast(found)
    if found is not None and found.is_finished:
        nimg = found.plan.total_nimg
        yield Finished(found.run.path, nimg, nimg, interrupted=False, already=True)
        return
    notes: list[str] = []
    if found is not None and found.pictures_changed:
        store, note = _recorded_store(found)
        notes.append(note)
    if found is not None:
        run, config, plan = found.run, found.config, found.plan
        if engine.is_main:
            run.lock()
    else:
        run = _new_run(config, store, engine, root=root, name=name, init_from=init_from)
        plan = None
        if len(store) < VERY_FEW:
            notes.append(
                f"only {len(store)} pictures: expect near copies of them, and little that is new; "
                f"from {VERY_FEW} on it becomes better, more pictures help more than more minutes"
            )
        notes += on_settings(config)
    try:
        yield from _sit(run, config, plan, store, engine, notes, init_from, should_stop, start)
    finally:
        torch.set_num_threads(threads)
        run.unlock()


def _sit(
    run: RunFolder,
    config: TrainConfig,
    plan: Plan | None,
    store: Store,
    engine: Engine,
    notes: list[str],
    init_from: str | None,
    should_stop: Callable[[], bool],
    start: float,
) -> Iterator[Event]:
    evaluator = None
    enough = min(len(store), config.run.evaluate_images) >= FEWEST_SCORED
    if config.run.evaluate_images and not enough:
        notes.append(f"fewer than {FEWEST_SCORED} pictures cannot be compared: no scores")
    if enough and engine.is_main:
        evaluator = Evaluator(store, engine.device, num_reals=REALS_IN_TRAINING)
    state = new_state(config, store, engine)
    saved = checkpoint.newest(run)
    if init_from is not None and saved is None:
        notes.append(load_weights(state, init_from, root=run.path.parent))
    if plan is None:
        offered = torch.get_num_threads()
        plan = _measured_plan(config, store, engine, evaluator, start)
        notes += _told(plan, offered)
    else:
        plan, reasons = _on_this_machine(plan, config, run, engine)
        notes += [f"continues, not bit-equal, because {reason}" for reason in reasons]
    if engine.is_main:
        # The plan first: killed in between, the longer one is made of it again.
        told = {"plan": plan.to_dict(), "device": str(engine.device)}
        run.write_environment(run.environment | told)
        run.write_config(config.to_dict())
    sitting = Sitting(run, config, plan, store, engine, state, evaluator)
    if saved is not None:
        sitting.restore(saved)
    elif engine.is_main:
        # Killed before its first checkpoint: what was logged then is told again.
        run.cut_after(0)
    for sentence in notes:
        yield sitting.note(sentence)
    yield from sitting.events(should_stop, continued=sitting.state.nimg > 0)


def _recorded_store(found: Continuation) -> tuple[Store, str]:
    try:
        store = load_store(found.store)
    except DataError:
        raise DataError(
            f"the pictures have changed since {found.run.path} was started, and its prepared copy "
            "is gone; start a new run with --new"
        ) from None
    return store, (
        "the pictures have changed since this run was started: it goes on with those it began "
        "with (use --new to train on the present ones)"
    )


def _new_run(
    config: TrainConfig,
    store: Store,
    engine: Engine,
    *,
    root: Path,
    name: str | None,
    init_from: str | None,
) -> RunFolder:
    run = None
    if engine.is_main:
        stem = re.sub(r"\W+", "-", Path(config.images.removeprefix("builtin:")).stem.lower())
        run = RunFolder.create(root, name, f"{stem.strip('-') or 'pictures'}-{store.resolution}")
        run.lock()
        run.write_environment(_environment(store, engine) | {"init_from": init_from})
        run.write_config(config.to_dict())
    path = engine.broadcast(run.path if run else None)
    return run or RunFolder(path)


def _environment(store: Store, engine: Engine) -> dict[str, Any]:
    return {
        "command": sys.argv,
        "ganvas": version("ganvas"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "device": str(engine.device),
        "launch": launch_id(),
        "git_commit": _git_commit(),
        "data": {
            "store": str(store.path),
            "fingerprint": store.fingerprint,
            "num_images": len(store),
            "num_skipped": len(store.skipped),
            "class_names": list(store.class_names),
        },
    }


def _git_commit() -> str | None:
    """The commit of the folder ganvas was started in, if it is a repository."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


def _measured_plan(
    config: TrainConfig, store: Store, engine: Engine, evaluator: Evaluator | None, start: float
) -> Plan:
    """Time steps on a state that is thrown away, then fit the run into its minutes."""
    contrast = fitted_contrast(config, store)
    speed = 0.0
    evaluation_seconds = snapshot_seconds = 0.0
    if config.minutes is not None:
        torch.set_num_threads(engine.broadcast(choose_threads(engine.device)))
        trial = new_state(config, store, engine)
        seconds = min(8.0, MEASURE_SHARE * config.minutes * 60)
        speed = measure_speed(config, store, trial, engine, seconds=seconds, contrast=contrast)
        snapshot_seconds = _snapshot_seconds(trial, config)
        if evaluator is not None:
            each = evaluator.seconds_per_picture(trial.G_ema)
            evaluation_seconds = each * config.run.evaluate_images
    plan = make_plan(
        config,
        device=engine.device,
        images_per_second=speed,
        spent_seconds=time.monotonic() - start,
        evaluation_seconds=evaluation_seconds,
        snapshot_seconds=snapshot_seconds,
        contrast=contrast,
        world_size=engine.world_size,
    )
    shared: Plan = engine.broadcast(plan)
    return shared


def _told(plan: Plan, offered_threads: int) -> list[str]:
    """What the plan decided that a person would not expect."""
    notes = []
    if plan.contrast < 1:
        notes.append(
            f"the pictures have {plan.contrast:.0%} of ordinary contrast: D may be steeper (gamma "
            f"x {plan.contrast**2:.2f}) and colours are jittered less (x {plan.contrast:.2f})"
        )
    if plan.minutes is not None and plan.total_nimg < FEW_SHOWN:
        notes.append(
            f"only some {plan.total_nimg:,} pictures will be shown in {plan.minutes:g} minutes, "
            "and the first tens of thousands bring no more than coarse shapes: smaller pictures "
            "(--resolution), smaller networks (--model.width) or more minutes show more"
        )
    if plan.threads < offered_threads:
        notes.append(
            f"computes with {plan.threads} of {offered_threads} threads, which is faster on "
            "this machine just now; later runs choose anew"
        )
    return notes


def _snapshot_seconds(trial: TrainState, config: TrainConfig) -> float:
    """Time what a snapshot costs beside writing it."""
    start = time.perf_counter()
    trial.tensors()
    trial.settle()
    sample(trial.G_ema, range(config.run.sample_seeds))
    return time.perf_counter() - start


def _on_this_machine(
    plan: Plan, config: TrainConfig, run: RunFolder, engine: Engine
) -> tuple[Plan, list[str]]:
    """Compute as recorded, as far as this machine can; return why it is not all the same."""
    reasons = []
    before = engine.broadcast(str(run.environment["device"]) if engine.is_main else None)
    if before.partition(":")[0] != engine.device.type:
        precision = engine.broadcast(plan_precision(config, engine.device))
        reasons.append(
            f"it was computed on {before} in {plan.precision} and now is on {engine.device} "
            f"in {precision}"
        )
        plan = replace(plan, precision=precision)
    if plan.world_size != engine.world_size:
        reasons.append(f"it used {plan.world_size} processes and now uses {engine.world_size}")
    cores = os.cpu_count() or 1
    if engine.device.type == "cpu" and plan.threads > cores:
        reasons.append(f"it used {plan.threads} threads and this machine has {cores}")
    else:
        torch.set_num_threads(plan.threads)
    return plan, reasons
