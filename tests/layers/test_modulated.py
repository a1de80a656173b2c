"""The fast form of a modulated convolution against weights for each sample, as in the paper."""

import math

import pytest
import torch
from torch.nn import functional as F

from ganvas.layers.modulated import ModulatedConv2d
from ganvas.layers.resample import fir_upsample


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_weights_per_sample(features, weight, styles, *, demodulate):
    """w' and w'' of the paper, written out, and a convolution of one group a sample."""
    b, i, h, w = features.shape
    o, _, k, _ = weight.shape
    modulated = styles[:, None, :, None, None] * weight[None] / math.sqrt(i * k * k)
    if demodulate:
        power = (modulated**2).sum(dim=(2, 3, 4), keepdim=True)
        modulated = modulated / torch.sqrt(power + 1e-8)
    one = F.conv2d(
        features.reshape(1, b * i, h, w), modulated.view(b * o, i, k, k), padding=k // 2, groups=b
    )
    return one.view(b, o, h, w)


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize(("kernel", "up"), [(1, False), (3, False), (3, True)])
def test_the_fast_form_is_that_of_the_paper(kernel, demodulate, up):
    layer = ModulatedConv2d(4, 5, kernel, up=up).double()
    features, styles = normal(3, 4, 6, 5), 1 + normal(3, 4, seed=1)
    found = layer(features, styles)
    if demodulate:
        found = found * layer.demodulation(styles)[:, :, None, None]
    if up:
        # Doubling first and convolving then; a transposed convolution turns its kernel round.
        weight = layer.weight.flip(2, 3)
        expected = with_weights_per_sample(
            padded_double(features), weight, styles, demodulate=demodulate
        )[:, :, 2:-2, 2:-2]
    else:
        expected = with_weights_per_sample(features, layer.weight, styles, demodulate=demodulate)
    torch.testing.assert_close(found, expected)


def padded_double(features):
    return fir_upsample(F.pad(features, (1, 1, 1, 1)))


def test_gradients_are_those_of_the_paper():
    layer = ModulatedConv2d(3, 4, 3).double()
    given = normal(2, 3, 4, 4).requires_grad_(), (1 + normal(2, 3, seed=1)).requires_grad_()
    weights = normal(2, 4, 4, 4, seed=2)
    fast = layer(*given) * layer.demodulation(given[1])[:, :, None, None]
    slow = with_weights_per_sample(given[0], layer.weight, given[1], demodulate=True)
    inputs = [*given, layer.weight]
    for one, other in zip(
        torch.autograd.grad((fast * weights).sum(), inputs),
        torch.autograd.grad((slow * weights).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_demodulated_outputs_keep_their_scale_whatever_the_style():
    torch.manual_seed(0)
    layer = ModulatedConv2d(64, 64, 3)
    for size in (0.01, 1.0, 100.0):
        styles = size * (1 + torch.randn(8, 64))
        out = (
            layer(torch.randn(8, 64, 16, 16), styles) * layer.demodulation(styles)[..., None, None]
        )
        assert out.std().item() == pytest.approx(1, rel=0.1)
