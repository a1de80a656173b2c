"""The plan of a run: how far it goes and how it computes, fixed at its first start."""

import time
from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field

from ganvas.core.config import Config, replace
from ganvas.core.device import Precision, choose_precision
from ganvas.training.config import TrainConfig
from ganvas.training.engine import Engine

TICKS = 100
"""Lines of stats in a run, about."""
SNAPSHOTS = 8
"""Snapshots in a run, about, and more in one longer than two hours: ..."""
SNAPSHOT_MINUTES = 15
"""... one in this time."""
EVALUATIONS = 4
"""Evaluations in a run, at most; every second snapshot where there are more snapshots."""
PLACES = 4
"""At how many places of the schedule the speed is measured."""
EVALUATION_SHARE = 0.05
"""Part of the minutes that evaluations may take."""


class Plan(Config):
    """What a continued run must keep to be bit-equal to an uninterrupted one."""

    total_nimg: Annotated[int, Field(ge=1)]
    """Where the run ends."""
    schedule_nimg: Annotated[int, Field(ge=1)]
    """Where learning rates and gamma reach their end; an extended run stays there."""
    tick_nimg: Annotated[int, Field(ge=1)]
    snapshot_nimg: Annotated[int, Field(ge=1)]
    evaluations: Annotated[int, Field(ge=1)] = 1
    """How many of the last snapshots are compared with the reals."""
    images_per_second: float = 0.0
    """Measured at the start; 0 where the length was given in kimg."""
    minutes: float | None = None
    """For which `schedule_nimg` was planned; None where the length was given in kimg."""
    contrast: Annotated[float, Field(gt=0, le=1)] = 1.0
    """That of the pictures as a part of what is ordinary; 1 unless `cure.fit_contrast`."""
    precision: Precision = "fp32"
    threads: Annotated[int, Field(ge=1)] = 1
    world_size: Annotated[int, Field(ge=1)] = 1


def make_plan(
    config: TrainConfig,
    *,
    device: torch.device,
    images_per_second: float,
    spent_seconds: float = 0.0,
    evaluation_seconds: float = 0.0,
    snapshot_seconds: float = 0.0,
    contrast: float = 1.0,
    world_size: int = 1,
) -> Plan:
    """Fit the length and the intervals to kimg, or to minutes at a measured speed.

    What was spent already, the snapshots, and evaluations of `evaluation_seconds` each are taken
    out of the minutes; one evaluation is always made, more of them in 5 % of the time.
    """
    evaluations, snapshots = EVALUATIONS, SNAPSHOTS
    if config.kimg is not None:
        total = config.kimg * 1000
    else:
        assert config.minutes is not None
        seconds = config.minutes * 60
        snapshots = max(SNAPSHOTS, round(config.minutes / SNAPSHOT_MINUTES))
        evaluations = max(EVALUATIONS, snapshots // 2)
        if evaluation_seconds:
            affordable = int(EVALUATION_SHARE * seconds / evaluation_seconds)
            evaluations = min(evaluations, max(1, affordable))
        besides = evaluations * evaluation_seconds + snapshots * snapshot_seconds
        left = seconds - spent_seconds - besides
        total = images_per_second * max(left, seconds / 3)
    total_nimg = _whole_batches(total, config.batch_size)
    run = config.run
    tick = run.tick_kimg * 1000 if run.tick_kimg else total_nimg / TICKS
    snapshot = run.snapshot_kimg * 1000 if run.snapshot_kimg else total_nimg / snapshots
    return Plan(
        total_nimg=total_nimg,
        schedule_nimg=total_nimg,
        tick_nimg=_whole_batches(tick, config.batch_size),
        snapshot_nimg=_whole_batches(snapshot, config.batch_size),
        evaluations=evaluations,
        minutes=config.minutes,
        images_per_second=images_per_second,
        contrast=contrast,
        precision=plan_precision(config, device),
        threads=torch.get_num_threads(),
        world_size=world_size,
    )


def extend_plan(plan: Plan, wanted: TrainConfig) -> Plan:
    """Move the end to another length; schedules stay at the values of the first plan."""
    if wanted.kimg is not None:
        total = wanted.kimg * 1000
    elif plan.minutes is not None and wanted.minutes is not None:
        total = plan.schedule_nimg * wanted.minutes / plan.minutes
    else:
        assert wanted.minutes is not None
        total = plan.images_per_second * wanted.minutes * 60 or plan.total_nimg
    return replace(plan, total_nimg=_whole_batches(total, wanted.batch_size))


def plan_precision(config: TrainConfig, device: torch.device) -> Precision:
    """The precision asked for, or the one this device is good at."""
    return choose_precision(device) if config.precision == "auto" else config.precision


def place(turn: int, plan: Plan, batch_size: int) -> int:
    """Where on the clock to take a measured step: all over the schedule in turn.

    Networks that grow become slower on the way, and the mean over it is what counts.
    """
    lap, number = divmod(turn, PLACES)
    batches = plan.schedule_nimg // batch_size
    return (int((number + 0.5) / PLACES * batches) + lap) * batch_size


def measure(steps: Iterator[object], engine: Engine, *, batch_size: int, seconds: float) -> float:
    """Time whole rounds of PLACES steps, after one to warm up; return real images per second."""
    for _ in range(PLACES):
        next(steps)
    _synchronize()
    num_steps = 0
    start = time.perf_counter()
    # All processes must take the same number of steps, or they would wait for each other.
    while engine.any(time.perf_counter() - start < seconds or num_steps == 0):
        for _ in range(PLACES):
            next(steps)
            _synchronize()
        num_steps += PLACES
    return batch_size * num_steps / (time.perf_counter() - start)


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _whole_batches(nimg: float, batch_size: int) -> int:
    return max(1, round(nimg / batch_size)) * batch_size
