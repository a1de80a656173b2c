"""A plan fits the length to the measured speed, and an extended run keeps its schedule."""

import itertools
import time

import pytest
import torch

from ganvas.core.config import replace
from ganvas.training import loop
from ganvas.training.engine import Engine
from ganvas.training.plan import (
    EVALUATIONS,
    PLACES,
    SNAPSHOTS,
    extend_plan,
    make_plan,
    measure,
    place,
)

CPU = torch.device("cpu")


def test_kimg_is_taken_as_it_is_in_whole_batches(tiny):
    plan = make_plan(tiny(changes={"kimg": 1.0}), device=CPU, images_per_second=0)
    assert plan.total_nimg == plan.schedule_nimg == 1000
    assert plan.total_nimg % 8 == plan.tick_nimg % 8 == plan.snapshot_nimg % 8 == 0


def test_minutes_leave_out_what_was_spent_and_what_evaluations_cost(tiny):
    config = tiny(changes={"kimg": None, "minutes": 10})
    plan = make_plan(
        config,
        device=CPU,
        images_per_second=100,
        spent_seconds=50,
        evaluation_seconds=5,
        snapshot_seconds=2,
    )
    assert plan.evaluations == EVALUATIONS
    left = 600 - 50 - EVALUATIONS * 5 - SNAPSHOTS * 2
    assert plan.total_nimg == pytest.approx(100 * left, abs=8)


def test_evaluations_that_cost_much_are_made_less_often(tiny):
    config = tiny(changes={"kimg": None, "minutes": 1})
    plan = make_plan(config, device=CPU, images_per_second=100, evaluation_seconds=2)
    assert plan.evaluations == 1


def test_a_preparation_longer_than_the_minutes_leaves_a_third_for_training(tiny):
    config = tiny(changes={"kimg": None, "minutes": 1})
    plan = make_plan(config, device=CPU, images_per_second=100, spent_seconds=500)
    assert plan.total_nimg == pytest.approx(2000, abs=8)


def test_a_longer_run_moves_the_end_and_not_the_schedule(tiny):
    recorded = tiny(changes={"kimg": None, "minutes": 10})
    plan = make_plan(recorded, device=CPU, images_per_second=100)
    twice = extend_plan(plan, replace(recorded, minutes=20.0))
    assert twice.total_nimg == pytest.approx(2 * plan.total_nimg, abs=8)
    longer = extend_plan(twice, replace(recorded, minutes=30.0))
    assert longer.total_nimg == pytest.approx(3 * plan.total_nimg, abs=8)
    assert longer.schedule_nimg == plan.schedule_nimg
    in_kimg = extend_plan(plan, replace(recorded, minutes=None, kimg=900.0))
    assert in_kimg.total_nimg == 900_000


def test_speed_is_counted_in_images_a_second():
    def slow_steps():
        while True:
            time.sleep(0.01)
            yield None

    speed = measure(slow_steps(), Engine(CPU), batch_size=50, seconds=0.1)
    assert 2000 < speed <= 5000


def test_the_speed_is_measured_all_over_the_schedule(tiny, pictures, monkeypatch):
    seen = []

    def look(steps, *args, **options):
        seen.extend(next(steps).nimg for _ in range(PLACES))
        return 1.0

    monkeypatch.setattr(loop, "measure", look)
    config, source = tiny("progressive"), pictures()
    trial = loop.new_state(config, source, Engine(CPU))
    loop.measure_speed(config, source, trial, Engine(CPU), seconds=1.0)
    parts = [nimg / 1e12 for nimg in seen]
    assert parts == pytest.approx([0.125, 0.375, 0.625, 0.875], rel=1e-3)


def test_the_speed_of_a_growing_network_is_its_mean_over_the_schedule(tiny):
    plan = make_plan(tiny(changes={"kimg": 1000}), device=CPU, images_per_second=0)
    seen = [place(turn, plan, 8) for turn in range(2 * PLACES)]
    assert [nimg / plan.schedule_nimg for nimg in seen[:PLACES]] == [0.125, 0.375, 0.625, 0.875]
    # Each place goes on where it was: what is due every n-th batch is measured every n-th time.
    assert [later - nimg for nimg, later in zip(seen, seen[PLACES:], strict=False)] == [8] * PLACES

    def ever_slower():
        for turn in itertools.count():
            time.sleep(0.04 if turn % PLACES == PLACES - 1 else 0.002)
            yield None

    speed = measure(ever_slower(), Engine(CPU), batch_size=50, seconds=0.001)
    assert 500 < speed <= 50 * PLACES / (0.04 + 3 * 0.002)
