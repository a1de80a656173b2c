"""The Fréchet distance against closed forms, scipy and an eigen-decomposition."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from torch import Tensor

from ganvas.core.errors import DataError
from ganvas.metrics.frechet import frechet_distance


def skewed(num: int, size: int, seed: int, shift: float = 0.0) -> Tensor:
    """Correlated features with unequal variances."""
    generator = torch.manual_seed(seed)
    mixing = torch.randn(size, size, generator=generator)
    return torch.randn(num, size, generator=generator) @ mixing + shift


def textbook(real: np.ndarray, fake: np.ndarray, root_trace: float) -> float:
    means = np.square(real.mean(0) - fake.mean(0)).sum()
    return float(means + np.trace(np.cov(real.T)) + np.trace(np.cov(fake.T)) - 2 * root_trace)


@pytest.mark.parametrize(("num_real", "num_fake"), [(50, 90), (21, 21)])
def test_scipy_agrees_when_pictures_are_many(num_real: int, num_fake: int) -> None:
    real, fake = skewed(num_real, 20, 0).double(), skewed(num_fake, 20, 1, shift=0.5).double()
    root = sqrtm(np.cov(real.numpy().T) @ np.cov(fake.numpy().T))
    expected = textbook(real.numpy(), fake.numpy(), np.trace(root).real)
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("num_real", "num_fake"), [(5, 8), (8, 60), (60, 5), (2, 2)])
def test_an_eigen_decomposition_agrees_when_pictures_are_few(num_real: int, num_fake: int) -> None:
    real, fake = skewed(num_real, 20, 0).double(), skewed(num_fake, 20, 1, shift=0.5).double()
    values, vectors = np.linalg.eigh(np.cov(real.numpy().T))
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    product = np.linalg.eigvalsh(root @ np.cov(fake.numpy().T) @ root)
    expected = textbook(real.numpy(), fake.numpy(), np.sqrt(np.maximum(product, 0)).sum())
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-5)


def test_two_normal_distributions_have_the_closed_form() -> None:
    real, fake = torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [10.0]])
    expected = (1 - 7) ** 2 + (math.sqrt(2) - math.sqrt(18)) ** 2
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-12)


@settings(deadline=None, max_examples=25)
@given(num=st.integers(2, 30), size=st.integers(1, 30), seed=st.integers(0, 99))
def test_a_set_is_at_no_distance_from_itself_and_a_shift_costs_its_square(
    num: int, size: int, seed: int
) -> None:
    features = skewed(num, size, seed).double()
    other = skewed(num + 1, size, seed + 1).double()
    scale = features.var(0).sum().item()
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-8 * scale)
    assert frechet_distance(features, features + 3) == pytest.approx(9 * size, rel=1e-6)
    assert frechet_distance(features, other) == pytest.approx(
        frechet_distance(other, features), rel=1e-6
    )


def test_one_picture_is_refused() -> None:
    with pytest.raises(DataError, match="at least two pictures"):
        frechet_distance(skewed(9, 5, 0), skewed(1, 5, 1))
