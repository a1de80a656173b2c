"""Convolutions whose weights a style scales, for each sample its own (StyleGAN2, 1912.04958).

w'_ijk = s_i w_ijk for input i, output j and position k; then w''_ijk = w'_ijk / sqrt(sum_ik w'^2 +
1e-8), so that outputs keep the scale of the inputs. Scaling the inputs by s and the outputs by the
root is the same, with one weight for the whole batch: an ordinary convolution, where weights for
each sample would need a convolution of as many groups.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.core.device import in_fp32, without_autocast
from ganvas.layers.resample import fir


class ModulatedConv2d(nn.Module):
    """Weights of N(0, 1), used as 1 / sqrt(inputs) times; `up` doubles the size on the way.

    The doubling is a transposed convolution and the filter [1 3 3 1]: as if the features were
    doubled first, in a quarter of the time.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: Literal[1, 3], *, up: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.scale = 1 / math.sqrt(self.weight[0].numel())
        self.up = up

    def forward(
        self, features: Float[Tensor, "b i h w"], styles: Float[Tensor, "b i"]
    ) -> Float[Tensor, "b o h2 w2"]:
        """Convolve with modulated weights, not yet demodulated."""
        scaled = features * styles[:, :, None, None].to(features.dtype)
        if not self.up:
            padding = self.weight.shape[-1] // 2
            return F.conv2d(scaled, self.weight * self.scale, padding=padding)
        # Three of four pixels are zeros between the others: hence 2 x 2 the weight.
        weight = (4 * self.scale * self.weight).transpose(0, 1)
        return fir(F.conv_transpose2d(scaled, weight, stride=2), padding=1)

    def demodulation(self, styles: Float[Tensor, "b i"]) -> Float[Tensor, "b o"]:
        """Return 1 / sqrt(sum_ik w'^2 + 1e-8), by which outputs keep their scale, in fp32."""
        with without_autocast(styles.device):
            power = in_fp32(self.weight * self.scale).square().sum(dim=(2, 3))
            return torch.rsqrt(in_fp32(styles).square() @ power.T + 1e-8)
