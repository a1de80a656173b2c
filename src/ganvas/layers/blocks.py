"""Residual blocks that train without normalisation, and what stands between them."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.layers.init import LEAKY_GAIN, fan_in
from ganvas.layers.pixel_norm import PixelNorm
from ganvas.layers.resample import downsample, upsample

Norm = Literal["none", "batch", "pixel"]


def build_norm(name: Norm, channels: int) -> nn.Module:
    """Make the named normalisation of a feature map: none, batch or pixel."""
    if name == "batch":
        return nn.BatchNorm2d(channels)
    return PixelNorm() if name == "pixel" else nn.Identity()


class ResidualBlock(nn.Module):
    """features + conv(act(conv(act(features)))), with the last convolution 0 at the start.

    A network of such blocks starts as the linear map of its other layers and bends from there,
    so depth costs no stability and no normalisation is needed (Fixup, 1901.09321; R3GAN,
    2501.05441). `depth` is the number of blocks in the network.
    """

    def __init__(self, channels: int, *, depth: int, norm: Norm = "none") -> None:
        super().__init__()
        self.norm1, self.norm2 = build_norm(norm, channels), build_norm(norm, channels)
        gain = LEAKY_GAIN * depth**-0.5
        self.conv1 = fan_in(nn.Conv2d(channels, channels, 3, padding=1), gain)
        self.conv2 = fan_in(nn.Conv2d(channels, channels, 3, padding=1), gain=0.0)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Return corrected features of the same shape."""
        branch: Tensor = self.conv1(F.leaky_relu(self.norm1(features), 0.2))
        branch = self.conv2(F.leaky_relu(self.norm2(branch), 0.2))
        # A sum has the layout of its first part, and the convolution's is the fast one.
        return branch + features


class Grow(nn.Module):
    """Doubles a feature map, with other channels.

    A 1x1 convolution and a fixed filter commute, so the channels are mixed on the small map, at
    a quarter of the cost.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.mix = fan_in(nn.Conv2d(before, after, 1))

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        """Return features of twice the size."""
        return upsample(self.mix(features))


class Shrink(nn.Module):
    """Halves a feature map, with other channels: `Grow` turned round."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.mix = fan_in(nn.Conv2d(before, after, 1))

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        """Return features of half the size."""
        mixed: Tensor = self.mix(downsample(features))
        return mixed
