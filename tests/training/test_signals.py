"""Signs of health are the formulas they claim to be, written anew in numpy's float64."""

import math

import numpy as np
import pytest
import torch

from ganvas.losses import penalties
from ganvas.training import signals


def tensor(values):
    return torch.from_numpy(np.asarray(values))


@pytest.fixture
def numbers():
    return np.random.default_rng(3)


def test_pair_margin_and_accuracy_count_all_pairs(numbers):
    r, f = numbers.normal(1, 2, 12), numbers.normal(0, 2, 7)
    r[0] = f[0]
    wins = sum((a > b) + 0.5 * (a == b) for a in r for b in f)
    assert signals.pair_accuracy(tensor(r), tensor(f)).item() == pytest.approx(wins / 84)
    margin = signals.pair_margin(tensor(r), tensor(f)).item()
    assert margin == pytest.approx(np.mean(r) - np.mean(f))


def test_pair_accuracy_ignores_the_level_and_says_who_is_above(numbers):
    r = tensor(numbers.normal(0, 1, 20))
    assert signals.pair_accuracy(r, r - 10) == 1
    assert signals.pair_accuracy(r, r + 10) == 0
    assert signals.pair_accuracy(r, r) == 0.5
    f = tensor(numbers.normal(0, 1, 20))
    assert signals.pair_accuracy(r + 100, f + 100) == signals.pair_accuracy(r, f)


def test_overfitting_is_0_for_like_reals_and_1_for_like_fakes(numbers):
    t, f = numbers.normal(3, 1, 16), numbers.normal(-3, 1, 16)
    v = numbers.normal(1, 1, 16)
    expected = (np.mean(t) - np.mean(v)) / (np.mean(t) - np.mean(f))
    assert signals.overfitting(tensor(t), tensor(v), tensor(f)).item() == pytest.approx(expected)
    assert signals.overfitting(tensor(t), tensor(t), tensor(f)) == 0
    assert signals.overfitting(tensor(t), tensor(f), tensor(f)) == 1
    moved = [tensor(5 * x - 40) for x in (t, v, f)]
    assert signals.overfitting(*moved).item() == pytest.approx(expected)


def test_a_d_that_tells_nothing_has_not_overfitted(numbers):
    t = numbers.normal(0, 1, 16)
    found = signals.overfitting(tensor(t), tensor(t - 0.01), tensor(t - 0.001))
    assert found.item() == pytest.approx(0.01 / np.std(t))


def test_distances_and_diversity_are_those_of_all_pairs(numbers):
    fake, real = numbers.normal(0, 1, (5, 6)), numbers.normal(0, 2, (4, 6))

    def mean_distance(x):
        pairs = [(i, j) for i in range(len(x)) for j in range(i)]
        return np.mean([math.sqrt(np.mean((x[i] - x[j]) ** 2)) for i, j in pairs])

    found = signals.diversity(tensor(fake), tensor(real)).item()
    assert found == pytest.approx(mean_distance(fake) / mean_distance(real))
    assert signals.diversity(tensor(fake[:1].repeat(4, 0)), tensor(real)) == 0


def test_duplicates_are_the_share_of_close_pairs():
    vectors = torch.zeros(4, 3, dtype=torch.float64)
    vectors[2], vectors[3] = 1.0, 2.0
    assert signals.duplicates(vectors, closer_than=0.5).item() == pytest.approx(1 / 6)


@pytest.mark.parametrize("size", [1, 8, 20, 64])
def test_pooled_pictures_have_at_most_8x8_means(numbers, size):
    images = tensor(numbers.normal(0, 1, (2, 3, size, size)))
    found = signals.pooled(images)
    side = min(8, size)
    assert found.shape == (2, 3 * side * side)
    if size % side == 0:
        block = size // side
        first = images[1, 2, :block, :block].mean()
        torch.testing.assert_close(found.view(2, 3, side, side)[1, 2, 0, 0], first)


def test_blank_and_clipped(numbers):
    images = tensor(numbers.normal(0, 1, (4, 3, 8, 8)))
    images[1] = torch.tensor([0.3, -1.0, 0.9])[:, None, None]
    expected = [math.sqrt(np.mean(np.var(image, axis=(1, 2)))) for image in images.numpy()]
    np.testing.assert_allclose(signals.contrast(images), expected, rtol=1e-12, atol=1e-12)
    assert signals.blank(images, below=0.1) == 0.25
    share = np.mean(np.abs(images.numpy()) > 0.99)
    assert 0.2 < share < 0.4
    assert signals.clipped(images).item() == pytest.approx(share)


def test_the_gradient_norm_is_that_of_all_weights_together():
    weights = [torch.nn.Parameter(torch.zeros(2)) for _ in range(3)]
    weights[0].grad, weights[1].grad = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])
    assert signals.gradient_norm(weights) == 5
    weights[0].grad = torch.tensor([1e30, 0.0])
    assert signals.gradient_norm(weights) == torch.finfo(torch.float32).max
    weights[0].grad = torch.tensor([math.nan, 0.0])
    assert signals.gradient_norm(weights).isnan()


def test_the_slope_that_the_probe_takes_is_the_root_of_r1():
    images = torch.randn(4, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    direction = torch.randn(4, dtype=torch.float64)
    logits = images.flatten(1) @ direction
    found = penalties.zero_centered(images, logits).sqrt()
    torch.testing.assert_close(found, direction.norm())
