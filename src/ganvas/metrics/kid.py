"""Kernel distance (KID, 1801.01401): unbiased at any number of pictures, with an error bar."""

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.core.errors import DataError
from ganvas.core.rng import rng
from ganvas.metrics.pairs import choose, sums


def kernel_distance(
    real: Float[Tensor, "n d"],
    fake: Float[Tensor, "m d"],
    *,
    block: int | None = None,
    blocks: int = 100,
    seed: int,
) -> tuple[float, float]:
    """Return the squared maximum mean discrepancy under k(x, y) = (x.y/d + 1)^3 and its spread.

    The papers report the mean over random blocks; over *all* blocks that mean is the estimate
    from all pairs, which is what is returned. It can be slightly negative. The spread is the
    standard deviation over random `blocks` of `block` pictures each. By default a block is half
    of each set, and then the spread is the standard error of the estimate itself (half-sampling:
    drawn without replacement, half a set strays from the whole as the whole from the truth).
    """
    if min(len(real), len(fake)) < 2:
        raise DataError("a kernel distance needs at least two pictures of each kind")
    assert block is None or block >= 2, "one picture has no pairs"
    real, fake = real.to("cpu", torch.float64), fake.to("cpu", torch.float64)
    generator = rng(seed, "kernel distance")
    chosen = [
        choose(len(features), block or max(2, len(features) // 2), blocks, generator)
        for features in (real, fake)
    ]
    everything = [torch.ones(1, len(features), dtype=torch.float64) for features in (real, fake)]
    rows = [torch.cat(pair) for pair in zip(everything, chosen, strict=True)]
    estimates = _estimates(real, fake, *rows)
    return estimates[0].item(), estimates[1:].std(correction=0).item()


def kernel_floor(real: Float[Tensor, "n d"], *, splits: int = 100, seed: int) -> float:
    """Return the root mean square distance between random halves of one set.

    The mean over all splits is zero by construction; its typical size says how large a distance
    chance alone makes between sets of half this size.
    """
    if len(real) < 4:
        raise DataError("a floor needs at least four pictures, two for each half")
    real = real.to("cpu", torch.float64)
    half = choose(len(real), len(real) // 2, splits, rng(seed, "kernel floor"))
    estimates = _estimates(real, real, half, 1 - half)
    return estimates.square().mean().sqrt().item()


def _estimates(
    real: Float[Tensor, "n d"],
    fake: Float[Tensor, "m d"],
    chosen_real: Float[Tensor, "t n"],
    chosen_fake: Float[Tensor, "t m"],
) -> Float[Tensor, " t"]:
    """Return the unbiased estimate for each row of chosen pictures (0 or 1 a picture)."""
    within = _within(real, chosen_real) + _within(fake, chosen_fake)
    pairs = chosen_real.sum(1) * chosen_fake.sum(1)
    return within - 2 * sums(_kernel, real, fake, chosen_real, chosen_fake) / pairs


def _within(features: Float[Tensor, "n d"], chosen: Float[Tensor, "t n"]) -> Float[Tensor, " t"]:
    """Return the mean kernel over pairs of different chosen pictures."""
    itself = (features.square().mean(1) + 1) ** 3
    num = chosen.sum(1)
    return (sums(_kernel, features, features, chosen, chosen) - chosen @ itself) / (num * (num - 1))


def _kernel(left: Float[Tensor, "n d"], right: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    return (left @ right.T / right.shape[1] + 1) ** 3
