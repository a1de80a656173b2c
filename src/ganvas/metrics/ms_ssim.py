"""Multi-scale structural similarity (Wang et al. 2003) between pictures of one set (1610.09585)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ganvas.core.errors import DataError
from ganvas.core.rng import rng
from ganvas.layers.resample import downsample

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales, finest first, by Wang's viewers; fewer scales share 1 in the same proportions."""
WINDOW_PX = 11
_SIGMA_PX = 1.5
_C1, _C2 = 0.01**2, 0.03**2
"""Keep the quotients calm where a picture is dark or flat; for pictures in [0, 1]."""


def ms_ssim(one: Float[Tensor, "b c h w"], other: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """Return the similarity of each pair of pictures in [-1, 1]: 1 equal, about 0 unrelated.

    Equation 7 of Wang et al.: the product over scales of contrast-and-structure to the scale's
    weight, and luminance at the coarsest; channels are averaged at every scale, and what is
    negative counts as 0. As many scales as the 11 px window fits into: 5 from 176 px up, 4 at
    128, 3 at 64, 2 at 28 and 32. Raises DataError for pictures smaller than the window.
    """
    short = min(one.shape[2:])
    if short < WINDOW_PX:
        raise DataError(f"ms_ssim looks through {WINDOW_PX} px windows; the pictures have {short}")
    fitting = [weight for j, weight in enumerate(WEIGHTS) if short >> j >= WINDOW_PX]
    one, other = (one + 1) / 2, (other + 1) / 2
    result = torch.ones(len(one), dtype=one.dtype, device=one.device)
    for scale, weight in enumerate(fitting, start=1):
        luminance, structure = _similarity(one, other)
        similarity = structure if scale < len(fitting) else luminance * structure
        # The mean before the power: a power of a single place would make noise of flat ones.
        result = result * similarity.mean((1, 2, 3)).clamp(min=0) ** (weight / sum(fitting))
        one, other = downsample(one), downsample(other)
    return result


def pair_similarity(
    images: Float[Tensor, "n c h w"], *, seed: int, batch_size: int = 32
) -> tuple[float, float]:
    """Return the mean `ms_ssim` over random pairs of one set, and its standard error.

    No picture is in two pairs, so the pairs are independent. Raises DataError for fewer than 4
    pictures.
    """
    if len(images) < 4:
        raise DataError("similarity needs at least four pictures of each kind")
    half = len(images) // 2
    order = torch.randperm(len(images), generator=rng(seed, "pairs"))[: 2 * half].view(2, half)
    starts = range(0, half, batch_size)
    values = torch.cat([ms_ssim(*images[order[:, i : i + batch_size]]) for i in starts]).double()
    return values.mean().item(), (values.std() / half**0.5).item()


def _similarity(
    one: Float[Tensor, "b c h w"], other: Float[Tensor, "b c h w"]
) -> tuple[Float[Tensor, "b c h2 w2"], Float[Tensor, "b c h2 w2"]]:
    """Return luminance, and contrast times structure, under every window inside the pictures."""
    parts = torch.cat([one, other, one * one, other * other, one * other])
    mean, mean2, square, square2, product = _windowed(parts).chunk(5)
    variances = (square - mean**2) + (square2 - mean2**2)
    luminance = (2 * mean * mean2 + _C1) / (mean**2 + mean2**2 + _C1)
    return luminance, (2 * (product - mean * mean2) + _C2) / (variances + _C2)


def _windowed(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Average under a Gaussian window; places where it does not fit are left out."""
    channels = images.shape[1]
    reach = torch.arange(WINDOW_PX, dtype=images.dtype, device=images.device) - WINDOW_PX // 2
    line = torch.exp(-(reach**2) / (2 * _SIGMA_PX**2))
    line = (line / line.sum()).expand(channels, 1, 1, -1)
    return F.conv2d(F.conv2d(images, line, groups=channels), line.mT, groups=channels)
