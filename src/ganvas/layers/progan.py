"""The blocks of ProGAN (1710.10196), which MSG-GAN (1903.06048) builds on too.

Equalised learning rate everywhere, pixel norm in a generator, minibatch stddev at the narrow end of
a discriminator. The gain of sqrt 2 makes up for what a leaky ReLU takes away.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from ganvas.layers.condition import Classes, LabelledLatent
from ganvas.layers.equalized import EqualizedConv2d, EqualizedLinear
from ganvas.layers.minibatch_stddev import MinibatchStddev
from ganvas.layers.pixel_norm import PixelNorm

GAIN = math.sqrt(2)


def bent(before: int, after: int, kernel: int = 3) -> nn.Sequential:
    """Make a convolution with a leaky ReLU."""
    return nn.Sequential(EqualizedConv2d(before, after, kernel, gain=GAIN), nn.LeakyReLU(0.2))


class Ascent(nn.Module):
    """Latent -> 4x4 map -> maps of twice the size, each two normalised convolutions on.

    `widths` are the channels of the stages, from 4x4 up.
    """

    def __init__(self, z_dim: int, num_classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        first = widths[0]
        self.latent = LabelledLatent(z_dim, num_classes)
        self.lift = EqualizedLinear(self.latent.out_dim, first * 4 * 4, gain=GAIN)
        self.start = nn.Sequential(nn.Unflatten(1, (first, 4, 4)), nn.LeakyReLU(0.2), PixelNorm())
        self.stages = nn.ModuleList([bent(first, first).append(PixelNorm())])
        for before, after in pairwise(widths):
            doubled = nn.Sequential(nn.Upsample(scale_factor=2), *bent(before, after), PixelNorm())
            self.stages.append(doubled.extend([*bent(after, after), PixelNorm()]))

    def forward(
        self, z: Float[Tensor, "b z"], label: Classes | None, *, last: int
    ) -> list[Float[Tensor, "b _ _ _"]]:
        """Return the maps of the stages 0 to `last`."""
        latent = self.latent(z.to(self.lift.weight.dtype), label)
        features: Tensor = self.start(self.lift(latent))
        maps = []
        for stage in self.stages[: last + 1]:
            features = stage(features)
            maps.append(features)
        return maps


def halving(before: int, width: int, after: int) -> nn.Sequential:
    """Make two convolutions and an average pool, from `before` over `width` to `after` channels."""
    return nn.Sequential(*bent(before, width), *bent(width, after), nn.AvgPool2d(2))


def summary(before: int, width: int) -> nn.Sequential:
    """Make the end of a discriminator: from a 4x4 map to a vector of `width` features."""
    return nn.Sequential(
        MinibatchStddev(),
        *bent(before + 1, width),
        nn.Flatten(),
        EqualizedLinear(width * 4 * 4, width, gain=GAIN),
        nn.LeakyReLU(0.2),
    )
