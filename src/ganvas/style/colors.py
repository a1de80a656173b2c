"""Colours: give one picture the palette of another, or only its light and shade."""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

LUMA: Final = (0.299, 0.587, 0.114)
"""What red, green and blue add to the brightness of a television (Rec. 601)."""
RIDGE: Final = 1e-3
"""Added to the variances of colours in [-1, 1]: a grey picture has none across its axis."""


def match_colors(
    images: Float[Tensor, "1 3 h w"],
    palette: Float[Tensor, "1 3 H W"],
    *,
    amount: float = 1.0,
    shares: Float[Tensor, "1 1 h w"] | None = None,
    palette_shares: Float[Tensor, "1 1 H W"] | None = None,
) -> Float[Tensor, "1 3 h w"]:
    """Move colours so that their mean and covariance are the palette's (Gatys 1611.07865).

    x' = A (x - m) + m_p with Monge's A = S^-1/2 (S^1/2 S_p S^1/2)^1/2 S^-1/2, of all such maps
    the one that changes colours least. `amount` mixes it with leaving them as they are. What is
    transparent (a share of 0) does not count.
    """
    mean, spread = color_statistics(images, shares)
    wanted_mean, wanted_spread = color_statistics(palette, palette_shares)
    root = _power(spread, 0.5)
    inverse = _power(spread, -0.5)
    monge = inverse @ _power(root @ wanted_spread @ root, 0.5) @ inverse
    moved = torch.einsum("oc,bchw->bohw", monge, images - mean) + wanted_mean
    return torch.lerp(images, moved, amount).clamp(-1, 1)


def color_statistics(
    images: Float[Tensor, "1 3 h w"], shares: Float[Tensor, "1 1 h w"] | None = None
) -> tuple[Float[Tensor, "3 1 1"], Float[Tensor, "3 3"]]:
    """Mean and covariance of the colours of a picture, the latter with a ridge."""
    weights = _weights(images, shares)[0].flatten(1)
    flat = images[0].flatten(1)
    mean = (weights * flat).sum(1, keepdim=True)
    centred = flat - mean
    ridge = RIDGE * torch.eye(3, device=images.device)
    return mean[..., None], (weights * centred) @ centred.T + ridge


def level_and_spread(
    images: Float[Tensor, "1 c h w"], shares: Float[Tensor, "1 1 h w"] | None = None
) -> tuple[Float[Tensor, "1 c 1 1"], Float[Tensor, "1 c 1 1"]]:
    """Mean and standard deviation of each channel, of what is not transparent."""
    weights = _weights(images, shares)
    mean = (weights * images).sum((2, 3), keepdim=True)
    return mean, (weights * (images - mean).square()).sum((2, 3), keepdim=True).sqrt()


def luminance(images: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 1 h w"]:
    """Return light and shade alone."""
    return torch.einsum("c,bchw->bhw", images.new_tensor(LUMA), images)[:, None]


def match_luminance(
    images: Float[Tensor, "1 1 h w"],
    palette: Float[Tensor, "1 1 H W"],
    *,
    shares: Float[Tensor, "1 1 h w"] | None = None,
    palette_shares: Float[Tensor, "1 1 H W"] | None = None,
) -> Float[Tensor, "1 1 h w"]:
    """Give light and shade the mean and spread of another's: (x - m) s_p / s + m_p."""
    mean, spread = level_and_spread(images, shares)
    wanted_mean, wanted_spread = level_and_spread(palette, palette_shares)
    gain = wanted_spread / spread.clamp_min(RIDGE)
    return ((images - mean) * gain + wanted_mean).clamp(-1, 1)


def repaint_luminance(
    images: Float[Tensor, "1 3 h w"], light: Float[Tensor, "1 1 h w"]
) -> Float[Tensor, "1 3 h w"]:
    """Give a colour picture other light and shade: its colour differences stay as they are."""
    return (images + light - luminance(images)).clamp(-1, 1)


def _weights(
    images: Float[Tensor, "1 c h w"], shares: Float[Tensor, "1 1 h w"] | None
) -> Float[Tensor, "1 1 h w"]:
    """How much each position counts, in sum 1; all alike where nothing is opaque."""
    if shares is None or not bool(shares.any()):
        shares = torch.ones_like(images[:, :1])
    return shares / shares.sum()


def _power(matrix: Float[Tensor, "3 3"], exponent: float) -> Float[Tensor, "3 3"]:
    values, vectors = torch.linalg.eigh(matrix)
    scaled = vectors * values.clamp_min(torch.finfo(values.dtype).tiny).pow(exponent)
    powered: Tensor = scaled @ vectors.T
    return powered
