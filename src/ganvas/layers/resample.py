"""Pictures and feature maps twice as large or half as large, without checkerboards.

A strided transposed convolution with a learned kernel writes a different number of taps to
neighbouring pixels and so leaves a checkerboard. Here the resampling filters are fixed and
treat all pixels alike; what is learned are the ordinary convolutions between them.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.core.device import without_autocast


def upsample(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Double height and width bilinearly: zeros between the pixels, then [1 3 3 1] / 4."""
    return F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


def downsample(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Halve height and width: the mean of each 2x2 patch."""
    return F.avg_pool2d(features, 2)


def enlarge(images: Float[Tensor, "b c h w"], factor: int) -> Float[Tensor, "b c h2 w2"]:
    """Make every pixel a square of `factor` x `factor`."""
    return images if factor == 1 else F.interpolate(images, scale_factor=factor, mode="nearest")


def shrink(images: Float[Tensor, "b c h w"], factor: int) -> Float[Tensor, "b c h2 w2"]:
    """Take the mean of each square of `factor` x `factor`: `enlarge` undone."""
    return images if factor == 1 else F.avg_pool2d(images, factor)


class Blur(nn.Module):
    """The fixed filter [1 2 1] / 4 in both directions: its gain is 0 for the finest pattern that
    pixels can show, 1/2 for waves of four pixels and 1 for planes."""

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Return blurred images; beyond the edges their outermost pixels go on."""
        line = torch.tensor([0.25, 0.5, 0.25], dtype=images.dtype, device=images.device)
        kernel = (line[:, None] * line).expand(images.shape[1], 1, 3, 3)
        padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
        return F.conv2d(padded, kernel, groups=images.shape[1])


def fir_upsample(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Double height and width: zeros between the pixels and beyond the edges, then [1 3 3 1] / 4.

    Inside equal to `upsample`; StyleGAN2 (1912.04958) goes on with zeros at the edges.
    """
    return _linear(features, _double, lambda slopes: 4 * _halve(slopes))


def fir_downsample(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Halve height and width: every second pixel of [1 3 3 1] / 8, zeros beyond the edges."""
    return _linear(features, _halve, lambda slopes: _double(slopes) / 4)


def fir(features: Float[Tensor, "b c h w"], *, padding: int) -> Float[Tensor, "b c h2 w2"]:
    """Filter with [1 3 3 1] / 8 in both directions, `padding` zeros around: 2 padding - 3 larger.

    It belongs behind a convolution that doubles, and in front of one that halves.
    """
    return _linear(
        features,
        lambda images: _filter(images, 4, padding),
        lambda slopes: _filter(slopes, 4, 3 - padding),
    )


Map = Callable[[Tensor], Tensor]


class _LinearMap(torch.autograd.Function):
    """A linear map and its transpose, which is its derivative at every order.

    torch differentiates a depthwise convolution twice by taking its channels one by one: 30 times
    the time of the filter itself.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, there: Map, back: Map) -> Tensor:
        ctx.maps = there, back
        return there(features)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        there, back = ctx.maps
        return _linear(slopes[0], back, there), None, None


def _linear(features: Tensor, there: Map, back: Map) -> Tensor:
    # Autocast would round fp32 pictures to bf16.
    with without_autocast(features.device):
        if not (torch.is_grad_enabled() and features.requires_grad):
            return there(features)
        filtered: Tensor = _LinearMap.apply(features, there, back)  # type: ignore[no-untyped-call]
        return filtered


def _double(features: Tensor) -> Tensor:
    # Repeating pixels is zeros between them and [1 1]; [1 1] * [1 2 1] = [1 3 3 1]. As one
    # transposed convolution it would take a hundred times as long in bf16.
    return _filter(F.interpolate(features, scale_factor=2, mode="nearest"), 3, 1)


def _halve(features: Tensor) -> Tensor:
    return _filter(features, 4, 1, stride=2)


def _filter(features: Tensor, taps: int, padding: int, *, stride: int = 1) -> Tensor:
    """[1 2 1] / 4 or [1 3 3 1] / 8 in both directions."""
    inner = (taps - 1) / 2 ** (taps - 1)
    # Made where it is used: no copy to the device, nothing to store.
    line = features.new_full((taps - 2,), inner)
    line = F.pad(line, (1, 1), value=inner / (taps - 1))
    kernel = (line[:, None] * line).expand(features.shape[1], 1, taps, taps)
    return F.conv2d(features, kernel, stride=stride, padding=padding, groups=features.shape[1])
