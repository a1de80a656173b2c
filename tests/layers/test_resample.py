"""Doubling and halving against independent formulas, and what makes them free of checkerboards."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.layers.blocks import Grow, Shrink
from ganvas.layers.resample import (
    Blur,
    downsample,
    fir,
    fir_downsample,
    fir_upsample,
    upsample,
)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def doubled_line(line: np.ndarray) -> np.ndarray:
    """Repeat the border, put zeros between the samples, filter with [1 3 3 1] / 4."""
    padded = np.pad(line, 1, mode="edge")
    sparse = np.zeros(2 * len(padded))
    sparse[::2] = padded
    return np.convolve(sparse, np.array([1, 3, 3, 1]) / 4)[3:-4]


def test_doubling_is_zero_insertion_and_a_filter() -> None:
    picture = noise(1, 1, 5, 3)
    expected = np.apply_along_axis(doubled_line, 0, picture[0, 0].numpy())
    expected = np.apply_along_axis(doubled_line, 1, expected)
    np.testing.assert_allclose(upsample(picture)[0, 0].numpy(), expected, atol=1e-12)


def test_halving_is_the_mean_of_each_patch() -> None:
    picture = noise(2, 3, 4, 6)
    for row, column in np.ndindex(2, 3):
        patch = picture[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        expected = patch.mean(dim=(2, 3))
        torch.testing.assert_close(downsample(picture)[:, :, row, column], expected)


@given(st.floats(-10, 10), st.sampled_from([1, 2, 5, 8]))
@settings(max_examples=20, deadline=None)
def test_a_flat_picture_stays_flat(level: float, size: int) -> None:
    flat = torch.full((1, 2, size, size), level, dtype=torch.float64)
    assert torch.allclose(upsample(flat), torch.full((), level, dtype=torch.float64))
    torch.testing.assert_close(downsample(upsample(flat)), flat)


def test_a_strided_transposed_convolution_does_not_keep_a_flat_picture_flat() -> None:
    """The checkerboard these filters avoid: 3 taps at stride 2 overlap at every other pixel."""
    flat = torch.ones(1, 1, 8, 8)
    inner = F.conv_transpose2d(flat, torch.ones(1, 1, 3, 3), stride=2)[0, 0, 4:-4, 4:-4]
    assert set(inner.unique().tolist()) == {1.0, 2.0, 4.0}
    assert upsample(flat).unique().tolist() == [1.0]


def test_doubling_keeps_low_waves_and_halving_undoes_it() -> None:
    phase = torch.arange(32, dtype=torch.float64) * 2 * math.pi / 32
    wave = phase.sin().expand(1, 1, 32, 32)
    error = (downsample(upsample(wave)) - wave).abs()[..., 1:-1].max()
    assert error < 0.01 * wave.abs().max()


@pytest.mark.parametrize("resample", [upsample, downsample])
def test_gradients_of_gradients(resample: object) -> None:
    assert callable(resample)
    picture = noise(1, 2, 4, 4).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda image: resample(image.square()), picture)


def test_mixing_channels_on_the_small_map_changes_nothing() -> None:
    """`Grow` and `Shrink` mix where the map is small: the same numbers as on the large map."""
    large, small = noise(2, 3, 8, 8), noise(2, 3, 4, 4)
    grow, shrink = Grow(3, 5).double(), Shrink(3, 5).double()
    nn.init.normal_(grow.mix.bias)
    torch.testing.assert_close(grow(small), grow.mix(upsample(small)))
    torch.testing.assert_close(shrink(large), downsample(shrink.mix(large)))


def test_blur_is_a_binomial_filter_with_borders_repeated() -> None:
    picture = noise(1, 1, 5, 7)
    expected = np.zeros((5, 7))
    padded = np.pad(picture[0, 0].numpy(), 1, mode="edge")
    for row, column in np.ndindex(3, 3):
        weight = (1, 2, 1)[row] * (1, 2, 1)[column] / 16
        expected += weight * padded[row : row + 5, column : column + 7]
    np.testing.assert_allclose(Blur()(picture)[0, 0].numpy(), expected, atol=1e-12)


def test_blur_takes_away_the_finest_grain_and_keeps_planes() -> None:
    row, column = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    for grain in (row % 2, column % 2, (row + column) % 2):
        inner = Blur()(grain.expand(1, 3, 8, 8))[:, :, 1:-1, 1:-1]
        torch.testing.assert_close(inner, torch.full_like(inner, 0.5))
    plane = (2 * row - column).expand(1, 2, 8, 8)
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(Blur()(plane)[inner], plane[inner])


TAPS = np.array([1, 3, 3, 1])


def upfirdn(picture: np.ndarray, line: np.ndarray, *, up: int = 1, down: int = 1) -> np.ndarray:
    """Both axes with scipy's polyphase filter: all of it, with zeros beyond the edges."""
    rows = scipy.signal.upfirdn(line, picture, up=up, down=down, axis=0)
    return scipy.signal.upfirdn(line, rows, up=up, down=down, axis=1)


@pytest.mark.parametrize("shape", [(6, 4), (4, 8)])
def test_fir_doubling_and_halving_are_scipys(shape: tuple[int, int]) -> None:
    picture = noise(1, 2, *shape)
    h, w = shape
    for channel, plane in enumerate(picture[0].numpy()):
        doubled = upfirdn(plane, TAPS / 4, up=2)[1 : 1 + 2 * h, 1 : 1 + 2 * w]
        np.testing.assert_allclose(fir_upsample(picture)[0, channel].numpy(), doubled, atol=1e-12)
        halved = upfirdn(plane, TAPS / 8, down=2)[1 : 1 + h // 2, 1 : 1 + w // 2]
        np.testing.assert_allclose(fir_downsample(picture)[0, channel].numpy(), halved, atol=1e-12)


@pytest.mark.parametrize("padding", [1, 2])
def test_fir_is_a_convolution_with_its_kernel(padding: int) -> None:
    picture = noise(1, 1, 6, 7)
    full = scipy.signal.convolve2d(picture[0, 0].numpy(), np.outer(TAPS, TAPS) / 64)
    cut = 3 - padding
    expected = full[cut : len(full) - cut, cut : full.shape[1] - cut]
    np.testing.assert_allclose(fir(picture, padding=padding)[0, 0].numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    "resize", [fir_upsample, fir_downsample, partial(fir, padding=1), partial(fir, padding=2)]
)
def test_fir_has_right_derivatives_of_both_orders(resize: Callable[[Tensor], Tensor]) -> None:
    picture = noise(1, 2, 4, 6).requires_grad_()
    assert torch.autograd.gradcheck(resize, picture)
    assert torch.autograd.gradgradcheck(resize, picture)


def test_fir_computes_in_the_type_of_its_input_under_autocast() -> None:
    picture = noise(1, 2, 4, 4).float().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        doubled = fir_upsample(picture)
    assert doubled.dtype == torch.float32
    assert torch.equal(doubled, fir_upsample(picture))
