"""Precision, recall, density and coverage against loops, and what they say of known damages."""

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.core.errors import DataError
from ganvas.metrics import pairs
from ganvas.metrics.prdc import Prdc, matched_prdc, prdc


def normal(num: int, size: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(num, size, generator=torch.manual_seed(seed)) + shift


def islands(num: int, seed: int, *, kinds: int = 10) -> Tensor:
    """Points around ten far corners, or around the first few of them."""
    corners = 20 * torch.eye(10, 32)
    return corners[torch.arange(num) % kinds] + normal(num, 32, seed)


def looped(real: np.ndarray, fake: np.ndarray, k: int) -> Prdc:
    """The four definitions, one picture at a time."""

    def reach(rows: np.ndarray) -> list[float]:
        # Place 0 is the picture itself.
        return [float(np.sort(np.linalg.norm(rows - row, axis=1))[k]) for row in rows]

    around_real, around_fake = reach(real), reach(fake)
    inside = np.array(
        [[np.linalg.norm(x - y) <= r for y in fake] for x, r in zip(real, around_real, strict=True)]
    )
    recalled = [
        any(np.linalg.norm(x - y) <= r for y, r in zip(fake, around_fake, strict=True))
        for x in real
    ]
    return Prdc(
        precision=float(np.mean(inside.any(axis=0))),
        recall=float(np.mean(recalled)),
        density=float(inside.sum() / (k * len(fake))),
        coverage=float(np.mean(inside.any(axis=1))),
    )


@pytest.mark.parametrize(
    ("num_real", "num_fake", "k"), [(30, 40, 5), (50, 20, 3), (12, 12, 1), (6, 9, 5)]
)
def test_it_is_the_loop(num_real: int, num_fake: int, k: int) -> None:
    real, fake = normal(num_real, 4, 0), normal(num_fake, 4, 1, shift=0.7)
    expected = looped(real.double().numpy(), fake.double().numpy(), k)
    assert prdc(real, fake, k=k) == pytest.approx(expected, abs=1e-12)
    assert len(set(expected)) > 1


def test_blocks_of_rows_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = normal(30, 4, 0), normal(23, 4, 1, shift=0.7)
    whole = prdc(real, fake)
    monkeypatch.setattr(pairs, "ROWS", 7)
    assert prdc(real, fake) == whole


def test_sides_exchange_precision_and_recall() -> None:
    real, fake = normal(40, 4, 0), normal(40, 4, 1, shift=0.7)
    one, other = prdc(real, fake), prdc(fake, real)
    assert (one.precision, one.recall) == (other.recall, other.precision)


def test_far_away_nothing_is_found_and_in_place_everything() -> None:
    real = normal(40, 4, 0)
    assert prdc(real, real + 100) == (0, 0, 0, 0)
    assert prdc(real, real) == (1, 1, pytest.approx((5 + 1) / 5), 1)


@pytest.mark.parametrize("num", [40, 160])
def test_a_perfect_generator_scores_as_reals_do(num: int) -> None:
    results = [matched_prdc(normal(80, 8, s), normal(num, 8, 1000 + s), seed=s) for s in range(30)]
    scores, _, ideals = (np.mean(rows, axis=0) for rows in zip(*results, strict=True))
    np.testing.assert_allclose(scores, ideals, atol=0.06)


def test_the_spread_is_no_less_than_that_over_new_sets() -> None:
    results = [
        matched_prdc(normal(80, 6, seed), normal(80, 6, 1000 + seed, shift=0.4), seed=seed)
        for seed in range(40)
    ]
    scores, spreads, _ = (np.array(rows) for rows in zip(*results, strict=True))
    ratio = np.sqrt(np.mean(spreads**2, axis=0)) / np.std(scores, axis=0)
    assert (ratio > 0.8).all(), ratio
    assert (ratio < 2).all(), ratio


def test_lost_kinds_cost_recall_and_coverage_but_no_precision() -> None:
    real = islands(300, 0)
    ladder = [matched_prdc(real, islands(300, 1, kinds=kinds), seed=0)[0] for kinds in (10, 5, 2)]
    recall, coverage = [s.recall for s in ladder], [s.coverage for s in ladder]
    assert recall[0] > 1.5 * recall[1] > 3 * recall[2]
    assert coverage[0] > 1.5 * coverage[1] > 3 * coverage[2]
    assert all(scores.precision > ladder[0].precision - 0.05 for scores in ladder)


def test_repeats_cost_recall_and_coverage_but_no_precision() -> None:
    real, fake = islands(300, 0), islands(300, 1)
    ladder = [matched_prdc(real, fake[torch.arange(300) % n], seed=0)[0] for n in (300, 60, 20)]
    recall, coverage = [s.recall for s in ladder], [s.coverage for s in ladder]
    assert recall == sorted(recall, reverse=True)
    assert coverage == sorted(coverage, reverse=True)
    assert recall[-1] < 0.2 * recall[0]
    assert coverage[-1] < 0.6 * coverage[0]
    assert all(abs(scores.precision - ladder[0].precision) < 0.1 for scores in ladder)


def test_worse_pictures_cost_precision_and_density() -> None:
    real, fake = islands(300, 0), islands(300, 1)
    ladder = [matched_prdc(real, fake + normal(300, 32, 2) * s, seed=0)[0] for s in (0, 0.4, 1)]
    precision, density = [s.precision for s in ladder], [s.density for s in ladder]
    assert precision[0] > precision[1] + 0.05 > precision[2] + 0.2
    assert density[0] > density[1] > density[2]


def test_seeds_and_few_pictures() -> None:
    real, fake = normal(30, 5, 0), normal(30, 5, 1)
    assert matched_prdc(real, fake, seed=3) == matched_prdc(real, fake, seed=3)
    assert matched_prdc(real, fake, seed=3) != matched_prdc(real, fake, seed=4)
    assert 0 <= matched_prdc(real[:4], fake[:4], seed=0)[0].precision <= 1
    with pytest.raises(DataError, match="at least four"):
        matched_prdc(real[:3], fake, seed=0)
