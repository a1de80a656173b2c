"""Pixel norm (ProGAN, 1710.10196, section 4.2): feature vectors of equal length."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class PixelNorm(nn.Module):
    """Scales the channels of every pixel to a mean square of 1; of latents, which have none, too.

    features / sqrt(mean_c features^2 + 1e-8)
    """

    def forward(self, features: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *space"]:
        """Return features of equal length; nothing is learned."""
        return features * torch.rsqrt(features.square().mean(dim=1, keepdim=True) + 1e-8)
