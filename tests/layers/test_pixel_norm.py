"""Pixel norm: every feature vector gets a mean square of 1."""

import pytest
import torch

from ganvas.layers.pixel_norm import PixelNorm


@pytest.mark.parametrize("shape", [(5, 8), (2, 8, 3, 4)])
def test_it_is_its_formula(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    length = (x**2).mean(dim=1, keepdim=True) + 1e-8
    torch.testing.assert_close(PixelNorm()(x), x / length**0.5)


def test_scale_does_not_matter_and_direction_stays():
    x = torch.randn(4, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    out = PixelNorm()(x)
    torch.testing.assert_close(PixelNorm()(1000 * x), out, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(torch.cosine_similarity(out, x), torch.ones(4, dtype=x.dtype))


def test_nothing_stays_nothing_with_a_finite_slope():
    x = torch.zeros(1, 3, 2, 2, requires_grad=True)
    PixelNorm()(x).sum().backward()
    assert torch.isfinite(x.grad).all()
