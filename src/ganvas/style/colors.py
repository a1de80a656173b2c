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
) -> Float[Tensor, "1 3 h w"]:
    """Move colours so that their mean and covariance are the palette's (Gatys 1611.07865).

    x' = A (x - m) + m_p with Monge's A = S^-1/2 (S^1/2 S_p S^1/2)^1/2 S^-1/2, of all such maps
    the one that changes colours least. `amount` mixes it with leaving them as they are.
    """
    mean, spread = color_statistics(images)
    wanted_mean, wanted_spread = color_statistics(palette)
    root = _power(spread, 0.5)
    inverse = _power(spread, -0.5)
    monge = inverse @ _power(root @ wanted_spread @ root, 0.5) @ inverse
    moved = torch.einsum("oc,bchw->bohw", monge, images - mean) + wanted_mean
    return torch.lerp(images, moved, amount).clamp(-1, 1)


def color_statistics(
    images: Float[Tensor, "1 3 h w"],
) -> tuple[Float[Tensor, "3 1 1"], Float[Tensor, "3 3"]]:
    """Mean and covariance of the colours of a picture, the latter with a ridge."""
    flat = images[0].flatten(1)
    mean = flat.mean(1, keepdim=True)
    centred = flat - mean
    ridge = RIDGE * torch.eye(3, device=images.device)
    return mean[..., None], centred @ centred.T / flat.shape[1] + ridge


def luminance(images: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 1 h w"]:
    """Return light and shade alone."""
    return torch.einsum("c,bchw->bhw", images.new_tensor(LUMA), images)[:, None]


def match_luminance(
    images: Float[Tensor, "1 1 h w"], palette: Float[Tensor, "1 1 H W"]
) -> Float[Tensor, "1 1 h w"]:
    """Give light and shade the mean and spread of another's: (x - m) s_p / s + m_p."""
    gain = palette.std() / images.std().clamp_min(RIDGE)
    return ((images - images.mean()) * gain + palette.mean()).clamp(-1, 1)


def repaint_luminance(
    images: Float[Tensor, "1 3 h w"], light: Float[Tensor, "1 1 h w"]
) -> Float[Tensor, "1 3 h w"]:
    """Give a colour picture other light and shade: its colour differences stay as they are."""
    return (images + light - luminance(images)).clamp(-1, 1)


def _power(matrix: Float[Tensor, "3 3"], exponent: float) -> Float[Tensor, "3 3"]:
    values, vectors = torch.linalg.eigh(matrix)
    scaled = vectors * values.clamp_min(torch.finfo(values.dtype).tiny).pow(exponent)
    powered: Tensor = scaled @ vectors.T
    return powered
