"""Pictures and feature maps twice as large or half as large, without checkerboards.

A strided transposed convolution with a learned kernel writes a different number of taps to
neighbouring pixels and so leaves a checkerboard. Here the resampling filters are fixed and
treat all pixels alike; what is learned are the ordinary convolutions between them.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


def upsample(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Double height and width bilinearly: zeros between the pixels, then [1 3 3 1] / 4."""
    return F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


def downsample(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Halve height and width: the mean of each 2x2 patch."""
    return F.avg_pool2d(features, 2)


class Blur(nn.Module):
    """The fixed filter [1 2 1] / 4 in both directions: its gain is 0 for the finest pattern that
    pixels can show, 1/2 for waves of four pixels and 1 for planes."""

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Return blurred images; beyond the edges their outermost pixels go on."""
        line = torch.tensor([0.25, 0.5, 0.25], dtype=images.dtype, device=images.device)
        kernel = (line[:, None] * line).expand(images.shape[1], 1, 3, 3)
        padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
        return F.conv2d(padded, kernel, groups=images.shape[1])
