"""Schedules are functions of the clock with the stated ends."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganvas.training.config import CureConfig, EmaConfig, OptimConfig
from ganvas.training.schedule import cosine, ema_beta, lr_factor, noise_sigma

FRACTIONS = st.floats(0, 2)


@given(FRACTIONS, FRACTIONS)
def test_a_cosine_falls_from_start_to_end_and_stays(one, other):
    early, late = sorted((one, other))
    assert cosine(1.0, 0.2, early) >= cosine(1.0, 0.2, late)
    assert cosine(1.0, 0.2, 0) == 1.0
    assert cosine(1.0, 0.2, 0.5) == pytest.approx(0.6)
    assert cosine(1.0, 0.2, 1.7) == pytest.approx(0.2)


def test_learning_rates_warm_up_and_end_where_they_should():
    optim = OptimConfig(lr_end=0.1, warmup_kimg=1.0)
    assert lr_factor(optim, 0, 100_000) == pytest.approx(1 / 1000)
    assert lr_factor(optim, 499, 100_000) == pytest.approx(0.5, rel=1e-3)
    assert lr_factor(optim, 50_000, 100_000) == pytest.approx(0.55)
    assert lr_factor(optim, 100_000, 100_000) == pytest.approx(0.1)
    assert lr_factor(optim, 900_000, 100_000) == pytest.approx(0.1)


def test_instance_noise_is_gone_after_the_first_half():
    cure = CureConfig(instance_noise=0.2)
    assert [noise_sigma(cure, nimg, 100) for nimg in (0, 25, 50, 80)] == [0.2, 0.1, 0, 0]


def test_the_average_loses_half_in_a_half_life():
    ema = EmaConfig(half_life=0.1, ramp=1.0)
    beta = ema_beta(ema, nimg=900_000, schedule_nimg=1_000_000, batch_size=1000)
    steps_in_half_life = 0.1 * 1_000_000 / 1000
    assert beta**steps_in_half_life == pytest.approx(0.5)


def test_the_average_follows_closely_at_the_start():
    ema = EmaConfig(half_life=0.1, ramp=0.05)
    betas = [ema_beta(ema, n, 1_000_000, 100) for n in (0, 10_000, 100_000, 10_000_000)]
    assert betas == sorted(betas)
    # Half-life 5 pictures, a batch of 100: the average all but forgets what was before.
    assert betas[0] == pytest.approx(0.5**20)
    assert betas[-1] == pytest.approx(math.pow(0.5, 100 / 100_000))
