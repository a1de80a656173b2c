"""Rates too low for the length of a run are raised before the first step, and nothing else is."""

import pytest

from ganvas.training.beforehand import ENOUGH_NIMG, hasten
from ganvas.training.config import TrainConfig
from ganvas.training.guard_state import GuardState
from ganvas.training.plan import Plan
from ganvas.training.presets import Facts, resolve

TRIED = 2e-3


def slowed(times_g: float, times_d: float) -> TrainConfig:
    rates = {"lr_g": TRIED * times_g, "lr_d": TRIED * times_d}
    return resolve("x", Facts(1000, 3, 32), preset="quick", overrides={"optim": rates})


def plan(nimg: int) -> Plan:
    return Plan(total_nimg=nimg, schedule_nimg=nimg, tick_nimg=16, snapshot_nimg=16)


def test_rates_too_low_for_a_short_run_become_the_presets() -> None:
    guard, config = GuardState(), slowed(0.1, 0.2)
    decision = hasten(guard, config, plan(40_000))
    assert decision is not None
    assert (decision.nimg, decision.kind, decision.trouble) == (0, "act", "too-slow")
    assert guard.rate * config.optim.lr_g == pytest.approx(TRIED)
    assert guard.rate * guard.rate_d * config.optim.lr_d == pytest.approx(TRIED)
    assert (guard.lasting_rate, guard.lasting_rate_d) == (guard.rate, guard.rate_d)
    assert decision.after == guard.factors()
    assert "40,000 pictures of this run what 8,000 would" in decision.sentence
    assert hasten(guard, config, plan(40_000)) is None


@pytest.mark.parametrize(
    ("times_g", "times_d", "nimg"),
    [
        (1, 1, 1000),
        (0.3, 0.3, 1000),
        (0.1, 1, 1000),
        (1, 0.01, 1000),
        (10, 10, 1000),
        (0.1, 0.1, 10 * ENOUGH_NIMG),
    ],
)
def test_other_rates_are_left_to_those_who_chose_them(
    times_g: float, times_d: float, nimg: int
) -> None:
    guard = GuardState()
    assert hasten(guard, slowed(times_g, times_d), plan(nimg)) is None
    assert guard == GuardState()


def test_rates_that_belong_to_no_preset_are_left_alone() -> None:
    own = TrainConfig.from_dict(slowed(0.1, 0.1).to_dict() | {"preset": "custom"})
    assert hasten(GuardState(), own, plan(1000)) is None
