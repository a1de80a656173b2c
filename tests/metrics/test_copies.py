"""Copies: expected shares without copying, what copying does, and the pairs that are found."""

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.core.errors import DataError
from ganvas.metrics import pairs
from ganvas.metrics.copies import QUANTILE, closest, copies


def normal(num: int, size: int, seed: int) -> Tensor:
    return torch.randn(num, size, generator=torch.manual_seed(seed))


def everything(features: Tensor) -> Tensor:
    return torch.ones(len(features), dtype=torch.bool)


@pytest.mark.parametrize("rows", [5, 1024])
def test_it_is_the_loop(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "ROWS", rows)
    real, fake = normal(40, 3, 0), 0.6 * normal(31, 3, 1)
    trained_on = torch.arange(40) % 4 != 1
    training = [i for i in range(40) if trained_on[i]]
    x, y = real.double().numpy(), fake.double().numpy()

    def nearness(picture: np.ndarray, there: list[int]) -> tuple[float, int]:
        way, where = min((float(np.linalg.norm(picture - x[j])), j) for j in there)
        return way / min(np.linalg.norm(x[where] - x[j]) for j in there if j != where), where

    reals = [nearness(x[i], [j for j in training if j != i])[0] for i in range(40)]
    fakes = np.array([nearness(row, training)[0] for row in y])
    found = copies(real, trained_on, fake, seed=0)
    assert found.share == pytest.approx(np.mean(fakes < np.quantile(reals, QUANTILE)))
    medians = [torch.tensor(np.array(values)).median().item() for values in (fakes, reals)]
    assert found.ratio == pytest.approx(medians[0] / medians[1], rel=1e-6)
    near, originals = closest(real, trained_on, fake, num=8)
    assert near[0] == fakes.argmin()
    assert (np.diff(fakes[near]) >= 0).all()
    assert originals.tolist() == [nearness(y[i], training)[1] for i in near.tolist()]
    assert len(set(originals.tolist())) == 8


def test_copies_are_found_among_plain_and_among_detailed_pictures() -> None:
    """Plain ones lie so close together that a rough copy of a detailed one is farther away."""
    plain, detailed = 0.01 * normal(50, 6, 0), normal(50, 6, 1) + 20
    rough = detailed + 0.1 * normal(50, 6, 2)
    real = torch.cat([plain, detailed])
    assert copies(real, everything(real), rough, seed=0).share > 0.95
    new = torch.cat([0.01 * normal(50, 6, 3), normal(50, 6, 4) + 20])
    assert copies(real, everything(real), new, seed=0).share < 0.15


def test_equal_training_pictures_do_no_harm() -> None:
    real = normal(30, 6, 0).repeat(2, 1)
    found = copies(real, everything(real), normal(20, 6, 1), seed=0)
    assert 0 <= found.share <= 1


@pytest.mark.parametrize("held_out", [0, 20])
def test_new_pictures_of_the_same_kind_are_no_copies(held_out: int) -> None:
    results = []
    for seed in range(20):
        real = normal(200, 4, seed)
        results.append(
            copies(real, torch.arange(200) >= held_out, normal(200, 4, 100 + seed), seed=seed)
        )
    shares, bars, ratios, _ = np.array(results).T
    assert np.mean(shares) == pytest.approx(QUANTILE, abs=0.012)
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)
    assert np.sqrt(np.mean(bars**2)) == pytest.approx(np.std(shares), rel=0.5)


def test_copies_are_counted_and_paired_with_their_originals() -> None:
    real, new = normal(100, 6, 0), normal(100, 6, 1)
    shares = []
    for num in (0, 25, 50, 100):
        fake = torch.cat([real[:num] + 0.01 * normal(num, 6, 2), new[num:]])
        shares.append(copies(real, everything(real), fake, seed=0).share)
    assert shares[0] < 0.12
    assert shares == pytest.approx([shares[0], 0.27, 0.52, 1], abs=0.06)
    fakes, reals = closest(real, everything(real), torch.cat([new, real[[7, 3]] + 1e-3]), num=2)
    assert set(zip(fakes.tolist(), reals.tolist(), strict=True)) == {(100, 7), (101, 3)}


def test_a_copy_of_a_held_out_picture_is_none() -> None:
    real = normal(100, 6, 0)
    trained_on = torch.arange(100) >= 50
    assert copies(real, trained_on, real[:50], seed=0).share < 0.2
    assert copies(real, trained_on, real[50:], seed=0).share == 1


def test_one_picture_again_and_again_is_shown_once() -> None:
    real = normal(30, 6, 0)
    fakes, reals = closest(real, everything(real), real[:1].repeat(9, 1), num=16)
    assert (fakes.tolist(), reals.tolist()) == ([0], [0])


def test_too_few_pictures_are_refused() -> None:
    real = normal(10, 3, 0)
    with pytest.raises(DataError, match="at least four"):
        copies(real, everything(real), real[:3], seed=0)
    with pytest.raises(DataError, match="at least four"):
        copies(real, torch.arange(10) < 1, real, seed=0)
