"""MS-SSIM against a float64 double loop and torchmetrics; pairs of a set."""

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.core.errors import DataError
from ganvas.core.rng import rng
from ganvas.metrics.ms_ssim import ms_ssim, pair_similarity

WANG = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
"""The published weights, typed again."""


def pictures(num: int, size: int, seed: int, *, channels: int = 3) -> Tensor:
    """Smooth random pictures with a little grain."""
    generator = rng(seed, "pictures")
    coarse = torch.rand(num, channels, 5, 5, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)
    grain = torch.rand(num, channels, size, size, generator=generator)
    return (0.9 * smooth + 0.1 * grain) * 2 - 1


def looped(one: np.ndarray, other: np.ndarray, num_scales: int) -> float:
    """Wang's formula on [c, h, w] in [0, 1], a window at a time."""
    reach = np.arange(-5, 6)
    line = np.exp(-(reach**2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    weights = np.array(WANG[:num_scales]) / sum(WANG[:num_scales])
    result = 1.0
    for scale, weight in enumerate(weights):
        values = []
        for x, y in zip(one, other, strict=True):
            for top in range(x.shape[0] - 10):
                for left in range(x.shape[1] - 10):
                    a, b = (p[top : top + 11, left : left + 11] for p in (x, y))
                    mean_a, mean_b = (window * a).sum(), (window * b).sum()
                    var_a = (window * (a - mean_a) ** 2).sum()
                    var_b = (window * (b - mean_b) ** 2).sum()
                    both = (window * (a - mean_a) * (b - mean_b)).sum()
                    value = (2 * both + 0.03**2) / (var_a + var_b + 0.03**2)
                    if scale == num_scales - 1:
                        value *= (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
                    values.append(value)
        result *= max(np.mean(values), 0) ** weight
        one, other = (
            p[:, : p.shape[1] // 2 * 2, : p.shape[2] // 2 * 2]
            .reshape(p.shape[0], p.shape[1] // 2, 2, p.shape[2] // 2, 2)
            .mean((2, 4))
            for p in (one, other)
        )
    return float(result)


@pytest.mark.parametrize(
    ("size", "channels", "num_scales"), [(11, 1, 1), (28, 1, 2), (32, 3, 2), (45, 3, 3)]
)
def test_it_is_the_loop(size: int, channels: int, num_scales: int) -> None:
    one = pictures(2, size, 0, channels=channels)
    other = 0.5 * one + 0.5 * pictures(2, size, 1, channels=channels)
    found = ms_ssim(one, other)
    for k in range(2):
        x, y = ((p[k].double().numpy() + 1) / 2 for p in (one, other))
        expected = looped(x, y, num_scales)
        assert 0.05 < expected < 0.95
        assert found[k].item() == pytest.approx(expected, abs=2e-5)


@pytest.mark.slow  # torchmetrics takes seconds to import
@pytest.mark.parametrize(("size", "num_scales"), [(64, 3), (128, 4), (180, 5)])
def test_torchmetrics_agrees(size: int, num_scales: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the borders of the coarsest scale, which it fills by reflection: weight 0 there."""
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    one = pictures(3, size, 0)
    other = 0.6 * one + 0.4 * pictures(3, size, 1)
    finer = WANG[: num_scales - 1]
    weights = (*(weight / sum(finer) for weight in finer), 0.0)
    theirs = multiscale_structural_similarity_index_measure(
        (one + 1) / 2, (other + 1) / 2, data_range=1.0, betas=weights, normalize="relu"
    )
    monkeypatch.setattr("ganvas.metrics.ms_ssim.WEIGHTS", (*weights, *WANG[num_scales:]))
    assert ms_ssim(one, other).mean().item() == pytest.approx(theirs.item(), abs=2e-5)


def test_equal_pictures_are_alike_and_opposite_ones_are_not() -> None:
    images = pictures(3, 32, 0)
    assert ms_ssim(images, images).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    assert ms_ssim(images, -images).tolist() == [0, 0, 0]
    flat = torch.full((1, 1, 28, 28), -1.0)
    assert ms_ssim(flat, flat).item() == 1
    assert ms_ssim(images, images.flip(3)).tolist() == ms_ssim(images.flip(3), images).tolist()


def test_a_set_that_varies_little_is_more_alike() -> None:
    many, few = pictures(60, 32, 0), pictures(4, 32, 0).repeat(15, 1, 1, 1)
    similarity = [pair_similarity(images, seed=0)[0] for images in (many, few)]
    assert similarity[1] > similarity[0] + 0.1
    assert pair_similarity(few[:1].repeat(8, 1, 1, 1), seed=0) == pytest.approx((1, 0), abs=1e-5)


def test_the_error_bar_is_the_spread_over_new_sets() -> None:
    results = [pair_similarity(pictures(40, 16, 10 + s, channels=1), seed=s) for s in range(60)]
    means, bars = np.array(results).T
    assert np.sqrt(np.mean(bars**2)) == pytest.approx(np.std(means), rel=0.25)


def test_pairs_depend_on_the_seed_and_not_on_the_batch() -> None:
    images = pictures(21, 16, 0)
    first = pair_similarity(images, seed=0)
    assert pair_similarity(images, seed=0, batch_size=3) == pytest.approx(first, rel=1e-5)
    assert pair_similarity(images, seed=1)[0] != first[0]


def test_too_small_and_too_few_are_refused() -> None:
    with pytest.raises(DataError, match="11 px windows; the pictures have 10"):
        ms_ssim(pictures(1, 10, 0), pictures(1, 10, 1))
    with pytest.raises(DataError, match="at least four"):
        pair_similarity(pictures(3, 16, 0), seed=0)
