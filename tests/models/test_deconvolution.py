"""A lesson: a "deconvolution" (transposed convolution) is an ordinary convolution, twice over.

1. It is a convolution of the picture with zeros put between its pixels, with the kernel turned
   by 180 degrees and its channels swapped.
2. It is the gradient of a convolution: what back-propagation computes for the input. So a
   generator of transposed convolutions is a discriminator of convolutions run backwards.
"""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

# Kernel, stride, padding. DCGAN doubles a map with (4, 2, 1) and starts with (4, 1, 0).
LAYERS = [(4, 2, 1), (4, 1, 0), (3, 2, 1), (3, 1, 1), (5, 3, 2), (2, 2, 0)]

every_layer = pytest.mark.parametrize(("kernel", "stride", "padding"), LAYERS)


def insert_zeros(picture: Tensor, *, stride: int) -> Tensor:
    """Put stride - 1 zeros between neighbouring pixels: 1 2 3 becomes 1 0 2 0 3."""
    batch, channels, height, width = picture.shape
    sparse = picture.new_zeros(batch, channels, (height - 1) * stride + 1, (width - 1) * stride + 1)
    sparse[:, :, ::stride, ::stride] = picture
    return sparse


def turn(weight: Tensor) -> Tensor:
    """Turn the kernel by 180 degrees and swap what goes in with what comes out."""
    return weight.flip(2, 3).transpose(0, 1)


def deconvolve(picture: Tensor, weight: Tensor, *, stride: int, padding: int) -> Tensor:
    """A transposed convolution made of nothing but a convolution."""
    sparse = insert_zeros(picture, stride=stride)
    border = weight.shape[-1] - 1 - padding
    return F.conv2d(F.pad(sparse, [border] * 4), turn(weight))


def sample(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_on_a_line_that_can_be_checked_by_hand() -> None:
    line = torch.tensor([[[[1.0, 2.0]]]])
    weight = torch.tensor([[[[1.0, 10.0, 100.0]]]])
    # Each pixel stamps the kernel, scaled by itself, two places further: 1 10 100 + 2 20 200.
    stamped = [[1.0, 10.0, 100.0 + 2.0, 20.0, 200.0]]
    assert F.conv_transpose2d(line, weight, stride=2)[0, 0].tolist() == stamped
    # The same by convolution: 1 0 2 with a border of two zeros, kernel 100 10 1.
    sparse = torch.tensor([[[[0.0, 0.0, 1.0, 0.0, 2.0, 0.0, 0.0]]]])
    assert F.conv2d(sparse, weight.flip(3))[0, 0].tolist() == stamped


@every_layer
def test_a_transposed_convolution_is_a_convolution(kernel: int, stride: int, padding: int) -> None:
    picture = sample(2, 3, 5, 4, seed=0)
    weight = sample(3, 6, kernel, kernel, seed=1)
    torch.testing.assert_close(
        deconvolve(picture, weight, stride=stride, padding=padding),
        F.conv_transpose2d(picture, weight, stride=stride, padding=padding),
        rtol=1e-12,
        atol=1e-12,
    )


@every_layer
def test_a_transposed_convolution_is_the_gradient_of_a_convolution(
    kernel: int, stride: int, padding: int
) -> None:
    verdict = sample(2, 3, 5, 4, seed=2)
    weight = sample(3, 6, kernel, kernel, seed=3)
    generated = F.conv_transpose2d(verdict, weight, stride=stride, padding=padding)
    # A convolution with the same weights maps pictures of that size back to the verdict's.
    picture = sample(*generated.shape, seed=4).requires_grad_()
    judged = F.conv2d(picture, weight, stride=stride, padding=padding)
    assert judged.shape == verdict.shape
    (gradient,) = torch.autograd.grad(judged, picture, verdict)
    torch.testing.assert_close(generated, gradient, rtol=1e-12, atol=1e-12)
    # Hence the name: <conv(picture), verdict> = <picture, transposed conv(verdict)>.
    torch.testing.assert_close((judged * verdict).sum(), (picture * generated).sum())
