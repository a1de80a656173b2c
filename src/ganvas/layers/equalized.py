"""Layers with equalised learning rate (ProGAN, 1710.10196, section 4.1).

Weights are drawn from N(0, 1) and scaled to their inputs whenever they are used, not once at the
start. Adam moves every weight by about its learning rate, whatever the gradient's scale; so
layers of all sizes change by the same part of themselves in a step.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class _Equalized(nn.Module):
    """Weights of N(0, 1 / lr_multiplier^2), used as gain * lr_multiplier / sqrt(inputs) times.

    `lr_multiplier` below 1 lets a layer learn that much more slowly than the others; its outputs
    at the start do not depend on it.
    """

    def __init__(
        self, shape: tuple[int, ...], *, gain: float, lr_multiplier: float, bias: float | None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) / lr_multiplier)
        self.scale = gain * lr_multiplier / math.sqrt(self.weight[0].numel())
        self.lr_multiplier = lr_multiplier
        start = None if bias is None else torch.full((shape[0],), bias / lr_multiplier)
        self.bias = None if start is None else nn.Parameter(start)

    def scaled_weight(self) -> Tensor:
        """Return the weight that the layer computes with."""
        return self.weight * self.scale

    def scaled_bias(self) -> Tensor | None:
        """Return the bias that the layer computes with."""
        if self.bias is None or self.lr_multiplier == 1:
            return self.bias
        return self.bias * self.lr_multiplier


class EqualizedLinear(_Equalized):
    """A fully connected layer; `bias` is what its biases start at, None for none."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        gain: float = 1.0,
        lr_multiplier: float = 1.0,
        bias: float | None = 0.0,
    ) -> None:
        shape = (out_features, in_features)
        super().__init__(shape, gain=gain, lr_multiplier=lr_multiplier, bias=bias)

    def forward(self, features: Float[Tensor, "*b i"]) -> Float[Tensor, "*b o"]:
        """Return features with a variance of gain^2 times that of the inputs, at the start."""
        return F.linear(features, self.scaled_weight(), self.scaled_bias())


class EqualizedConv2d(_Equalized):
    """A convolution that, by default, keeps height and width; `bias` as in `EqualizedLinear`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int | None = None,
        gain: float = 1.0,
        lr_multiplier: float = 1.0,
        bias: float | None = 0.0,
    ) -> None:
        shape = (out_channels, in_channels, kernel, kernel)
        super().__init__(shape, gain=gain, lr_multiplier=lr_multiplier, bias=bias)
        self.stride, self.padding = stride, kernel // 2 if padding is None else padding

    def forward(self, features: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o h2 w2"]:
        """Return features with gain^2 times the variance of the inputs, at the start."""
        weight, bias = self.scaled_weight(), self.scaled_bias()
        return F.conv2d(features, weight, bias, self.stride, self.padding)
