"""The kernel distance against double loops, exhaustive blocks and statistics."""

from itertools import combinations, product

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.core.errors import DataError
from ganvas.metrics import pairs
from ganvas.metrics.kid import kernel_distance, kernel_floor


def normal(num: int, size: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(num, size, generator=torch.manual_seed(seed)) + shift


def looped(real: np.ndarray, fake: np.ndarray) -> float:
    """The unbiased estimate, one pair at a time."""

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return (float(np.dot(x, y)) / len(x) + 1) ** 3

    def within(rows: np.ndarray) -> float:
        pairs = [k(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]
        return float(np.mean(pairs))

    return within(real) + within(fake) - 2 * float(np.mean([k(x, y) for x in real for y in fake]))


def arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.double().numpy() for tensor in tensors]


@pytest.mark.parametrize(("num_real", "num_fake"), [(2, 2), (3, 7), (20, 13)])
def test_it_is_the_double_loop(num_real: int, num_fake: int) -> None:
    real, fake = normal(num_real, 5, 0), normal(num_fake, 5, 1, shift=0.3)
    distance, _ = kernel_distance(real, fake, seed=0)
    assert distance == pytest.approx(looped(*arrays(real, fake)), rel=1e-10)


def test_a_kernel_matrix_cut_into_rows_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = normal(20, 5, 0), normal(13, 5, 1, shift=0.3)
    whole = kernel_distance(real, fake, seed=0)
    monkeypatch.setattr(pairs, "ROWS", 6)
    assert kernel_distance(real, fake, seed=0) == pytest.approx(whole, rel=1e-10)


def test_the_spread_is_that_of_all_blocks() -> None:
    real, fake = normal(5, 3, 0), normal(4, 3, 1, shift=0.5)
    estimates = [
        looped(x[list(rows)], y[list(columns)])
        for x, y in [arrays(real, fake)]
        for rows, columns in product(combinations(range(5), 2), combinations(range(4), 2))
    ]
    distance, spread = kernel_distance(real, fake, block=2, blocks=20_000, seed=0)
    assert spread == pytest.approx(np.std(estimates), rel=0.03)
    assert distance == pytest.approx(np.mean(estimates), rel=1e-10)


def test_the_error_bar_is_the_spread_over_new_sets() -> None:
    results = [
        kernel_distance(normal(60, 8, seed), normal(40, 8, 1000 + seed, shift=0.4), seed=seed)
        for seed in range(80)
    ]
    distances, bars = np.array(results).T
    assert np.sqrt(np.mean(bars**2)) == pytest.approx(np.std(distances), rel=0.25)


def test_it_is_unbiased_at_few_pictures() -> None:
    few = [
        kernel_distance(normal(4, 8, seed), normal(4, 8, 5000 + seed, shift=0.4), seed=0, blocks=1)
        for seed in range(300)
    ]
    distances = np.array(few)[:, 0]
    many, _ = kernel_distance(normal(2000, 8, 0), normal(2000, 8, 1, shift=0.4), seed=0, blocks=1)
    assert abs(distances.mean() - many) < 4 * distances.std() / np.sqrt(len(distances))


def test_the_floor_is_the_size_of_all_splits() -> None:
    features = normal(7, 3, 0)
    (rows,) = arrays(features)
    estimates = [
        looped(rows[list(half)], np.delete(rows, half, axis=0))
        for half in combinations(range(7), 3)
    ]
    assert np.mean(estimates) == pytest.approx(0, abs=1e-12)
    floor = kernel_floor(features, splits=20_000, seed=0)
    assert floor == pytest.approx(np.sqrt(np.mean(np.square(estimates))), rel=0.03)


def test_the_seed_decides_the_blocks_and_nothing_else() -> None:
    real, fake = normal(30, 5, 0), normal(30, 5, 1)
    torch.manual_seed(1)
    first = kernel_distance(real, fake, seed=3)
    torch.manual_seed(2)
    assert kernel_distance(real, fake, seed=3) == first
    other = kernel_distance(real, fake, seed=4)
    assert other[0] == first[0]
    assert other[1] != first[1]
    assert kernel_floor(real, seed=3) == kernel_floor(real, seed=3) != kernel_floor(real, seed=4)


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(DataError, match="at least two pictures"):
        kernel_distance(normal(1, 5, 0), normal(9, 5, 1), seed=0)
    with pytest.raises(DataError, match="at least four pictures"):
        kernel_floor(normal(3, 5, 0), seed=0)
