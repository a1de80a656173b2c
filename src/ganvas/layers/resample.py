"""Pictures and feature maps twice as large or half as large, without checkerboards.

A strided transposed convolution with a learned kernel writes a different number of taps to
neighbouring pixels and so leaves a checkerboard. Here the resampling filters are fixed and
treat all pixels alike; what is learned are the ordinary convolutions between them.
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def upsample(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Double height and width bilinearly: zeros between the pixels, then [1 3 3 1] / 4."""
    return F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


def downsample(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Halve height and width: the mean of each 2x2 patch."""
    return F.avg_pool2d(features, 2)
