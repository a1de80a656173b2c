"""Penalties on the slope of the discriminator, unweighted and in fp32.

The recipe weighs them: gamma / 2 * (R1 + R2), gradient_penalty * one_centered, drift * drift.
The slope is taken with respect to the pictures *before* augmentation, so every gradient here
runs through the augmentation too and is differentiated a second time by the optimiser's step.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.core.device import in_fp32, without_autocast
from ganvas.losses.adversarial import Logits, Scalar

Images = Float[Tensor, "b c h w"]
Score = Callable[[Tensor], Tensor]


def zero_centered(images: Images, logits: Float[Tensor, " n"]) -> Scalar:
    """Squared slope (1801.04406, 1705.09367): E ||grad_x D(x)||^2, R1 on reals and R2 on fakes.

    `logits` were computed from `images`, which require grad (detach fakes from G first).
    Squares are summed over channels and pixels and averaged over verdicts; with packing a
    verdict sums over all its pictures. Not for a D with BatchNorm, where samples mix.
    """
    return _slopes(images, logits).square().sum() / len(logits)


def finite_difference(
    score: Score,
    images: Images,
    logits: Float[Tensor, " n"],
    noise: Images,
    sigma: float,
) -> Scalar:
    """Estimate of E ||grad D||^2 without double backward (2501.08316).

    E[((D(x + sigma n) - D(x)) / sigma)^2] with `noise` n ~ N(0, I) and `logits` = D(x) from the
    main loss. Per sample its standard deviation is sqrt(2) times its mean, so a batch of b knows
    E ||grad||^2 to about sqrt(2 / b); the bias is O(sigma^2), from curvature. Call it outside
    autocast, both passes: bf16 rounds logits by more than a step of sigma changes them.
    """
    moved = score(images + sigma * noise)
    assert moved.itemsize >= 4, "D(x + sigma n) was computed in half precision"
    assert logits.itemsize >= 4, "D(x) was computed in half precision"
    return ((moved - logits) / sigma).square().mean()


def one_centered(
    score: Score, real: Images, fake: Images, mix: Float[Tensor, " b"], *, pack: int = 1
) -> Scalar:
    """WGAN-GP (1704.00028): E[(||grad D(x)||_2 - 1)^2] at x = mix real + (1 - mix) fake.

    `mix` ~ U(0, 1) per sample. What D judges, x, is `pack` neighbours at once (1712.04086): they
    have the slope of 1 together, and the mix of their first.
    """
    share = mix[::pack].repeat_interleave(pack)[:, None, None, None]
    between = (share * real + (1 - share) * fake).detach().requires_grad_()
    slopes = _slopes(between, score(between))
    # vector_norm, unlike sqrt of a sum, has a finite gradient where the slope is exactly zero.
    lengths: Tensor = torch.linalg.vector_norm(slopes.reshape(len(slopes) // pack, -1), dim=1)
    return (lengths - 1).square().mean()


def drift(real_logits: Logits) -> Scalar:
    """E[r^2] (1710.10196): pins the level of a Wasserstein D, which its loss leaves free."""
    return in_fp32(real_logits).square().mean()


def path_lengths(
    images: Images, styles: Float[Tensor, "b n d"], noise: Images
) -> Float[Tensor, " b"]:
    """Length of a random path in the space of pictures, seen from the styles (1912.04958, eq. 4).

    l = sqrt(mean over the n layers of ||J^T y||^2) with J = d images / d styles of a layer and
    y = `noise` / sqrt(h w), noise ~ N(0, 1). `images` were made from `styles`. StyleGAN2 adds
    2 E[(l - a)^2] to G's loss, a being the mean of l so far.
    """
    height, width = images.shape[2:]
    with without_autocast(images.device):
        moved = (in_fp32(images) * noise).sum() / math.sqrt(height * width)
        (slopes,) = torch.autograd.grad(moved, styles, create_graph=True)
    return in_fp32(slopes).square().sum(dim=2).mean(dim=1).sqrt()


def _slopes(images: Images, logits: Float[Tensor, " n"]) -> Images:
    # Autocast would run the backward of the augmentation's and D's fp32 parts in bf16.
    with without_autocast(images.device):
        (slopes,) = torch.autograd.grad(in_fp32(logits).sum(), images, create_graph=True)
    return in_fp32(slopes)
