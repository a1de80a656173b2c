"""Sign control of the augmentation probability."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.augment.config import AugmentConfig
from ganvas.augment.control import next_p

CONFIG = AugmentConfig(operations=("flip",), adaptive=True, p=0.0)


def moved(p, signal, num_images=64, config=CONFIG):
    return next_p(torch.tensor(p), torch.tensor(signal), config=config, num_images=num_images)


@settings(deadline=None)
@given(p=st.floats(0, 0.75, width=32), signal=st.floats(-1, 1, width=32), num=st.integers(0, 10**7))
def test_p_moves_towards_the_target_and_stays_within_its_limits(p, signal, num):
    new = moved(p, signal, num).item()
    assert 0 <= new <= CONFIG.p_max + 1e-7
    assert new >= p if signal > CONFIG.target else new <= p + 1e-7


def test_the_step_is_the_share_of_the_speed():
    assert moved(0.5, 0.9, 5000).item() == pytest.approx(0.51)
    assert moved(0.5, -0.9, 5000).item() == pytest.approx(0.49)


def test_an_endless_signal_takes_p_to_its_limit_in_the_configured_time():
    config = AugmentConfig(operations=("flip",), adaptive=True, p=0.0, speed_kimg=10, p_max=0.8)
    p = torch.tensor(0.0)
    for _ in range(79):
        p = next_p(p, torch.tensor(1.0), config=config, num_images=100)
    assert p.item() == pytest.approx(0.79, abs=1e-5)
    for _ in range(5):
        p = next_p(p, torch.tensor(1.0), config=config, num_images=100)
    assert p.item() == pytest.approx(0.8)


@pytest.mark.parametrize("signal", [CONFIG.target, math.nan])
def test_no_news_moves_nothing(signal):
    assert moved(0.3, signal) == torch.tensor(0.3)
