"""Feature diversity against loops, and what it says of sets that vary too little."""

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.core.errors import DataError
from ganvas.metrics import pairs
from ganvas.metrics.diversity import diversity


def normal(num: int, size: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(num, size, generator=torch.manual_seed(seed)) + shift


def looped(features: Tensor) -> float:
    rows = features.double().numpy()
    return float(np.mean([np.linalg.norm(x - y) for x, y in combinations(rows, 2)]))


@pytest.mark.parametrize("rows", [4, 1024])
def test_it_is_the_mean_over_pairs(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "ROWS", rows)
    real, fake = normal(13, 5, 0), 0.3 * normal(9, 5, 1, shift=50.0)
    ratio, _ = diversity(real, fake, seed=0)
    assert ratio == pytest.approx(looped(fake) / looped(real), rel=1e-5)


def test_the_same_spread_elsewhere_is_as_diverse_and_one_picture_is_not() -> None:
    real = normal(50, 8, 0)
    assert diversity(real, real + 9, seed=0)[0] == pytest.approx(1, rel=1e-4)
    assert diversity(real, real[:1].repeat(50, 1), seed=0)[0] < 1e-4
    few = diversity(real, real[:4].repeat(12, 1), seed=0)[0]
    assert 0.5 < few < 0.9


def test_the_error_bar_is_the_spread_over_new_sets() -> None:
    results = [diversity(normal(50, 4, s), normal(40, 4, 1000 + s), seed=s) for s in range(80)]
    ratios, bars = np.array(results).T
    assert np.sqrt(np.mean(bars**2)) == pytest.approx(np.std(ratios), rel=0.25)
    assert np.mean(ratios) == pytest.approx(1, abs=0.02)


def test_nothing_to_compare_with_is_refused() -> None:
    with pytest.raises(DataError, match="at least four"):
        diversity(normal(9, 5, 0), normal(3, 5, 1), seed=0)
    with pytest.raises(DataError, match="all alike"):
        diversity(torch.zeros(8, 5), normal(8, 5, 1), seed=0)
