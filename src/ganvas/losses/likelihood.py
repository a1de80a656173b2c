"""How far pictures are from what was rebuilt of them, and latents from N(0, 1); all in fp32."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.core.device import in_fp32
from ganvas.losses.adversarial import Scalar

Images = Float[Tensor, "b c h w"]
Numbers = Float[Tensor, "b z"]


def absolute(made: Images, true: Images) -> Scalar:
    """Mean distance of a pixel, E|made - true|."""
    return (in_fp32(made) - in_fp32(true)).abs().mean()


def gaussian(made: Images, true: Images, log_sigma: Scalar) -> Scalar:
    """-E[log N(true; made, sigma^2)], summed over channels and pixels: nats a picture.

    With sigma learned (2006.13202) the two halves of the VAE's bound are weighed by the bound
    itself; a fixed one would be a weight of the divergence to tune for every set.
    """
    squares = (in_fp32(made) - in_fp32(true)).square().mean()
    each = squares / (2 * torch.exp(2 * log_sigma)) + log_sigma + math.log(2 * math.pi) / 2
    return true[0].numel() * each


def divergence(mean: Numbers, log_variance: Numbers) -> Scalar:
    """E[KL(N(mean, variance) || N(0, 1))] (1312.6114, appendix B): nats a picture.

    (mean^2 + variance - 1 - log variance) / 2, summed over the numbers of a latent.
    """
    m, v = in_fp32(mean), in_fp32(log_variance)
    return ((m.square() + torch.expm1(v) - v) / 2).sum(dim=1).mean()
