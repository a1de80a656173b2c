"""Fréchet distance between two sets of feature vectors (the formula behind FID, 1706.08500)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.core.errors import DataError
from ganvas.core.rng import rng


def frechet_distance(real: Float[Tensor, "n d"], fake: Float[Tensor, "m d"]) -> float:
    """Return |mean difference|^2 + tr(S + T - 2 (S T)^1/2), covariances S and T, in float64.

    With centred pictures as rows, S = X'X and T = Y'Y, and the root's trace is the sum of the
    singular values of X Y'. So no matrix root is taken: that loses digits, and returns complex
    numbers, when there are fewer pictures than features, which is the usual case here.
    """
    if min(len(real), len(fake)) < 2:
        raise DataError("a Fréchet distance needs at least two pictures of each kind")
    real, fake = real.to("cpu", torch.float64), fake.to("cpu", torch.float64)
    means = (real.mean(0) - fake.mean(0)).square().sum()
    left, right = _root(real), _root(fake)
    traces = left.square().sum() + right.square().sum()
    overlap = torch.linalg.svdvals(left @ right.T).sum()
    return max(0.0, float(means + traces - 2 * overlap))


def matched_frechet(
    reals: Float[Tensor, "n d"], fakes: Float[Tensor, "m d"], *, seed: int
) -> tuple[float, float]:
    """Return the distance of fakes from reals and that of reals from reals, at one size of set.

    The fewer the pictures, the larger a Fréchet distance: with fewer pictures than features most
    of it is this bias. Halves of the reals meet as many fakes, then each other, so both numbers
    carry the same bias and a perfect generator scores the floor.
    """
    order = torch.randperm(len(reals), generator=rng(seed, "frechet halves"))
    size = min(len(reals) // 2, len(fakes))
    one, other = reals[order[:size]], reals[order[-size:]]
    distances = frechet_distance(one, fakes[:size]), frechet_distance(other, fakes[-size:])
    return sum(distances) / 2, frechet_distance(one, other)


def _root(features: Float[Tensor, "n d"]) -> Float[Tensor, "r d"]:
    """Return a matrix X with X'X the covariance, with no more rows than columns."""
    centred = (features - features.mean(0)) / math.sqrt(len(features) - 1)
    if len(centred) <= centred.shape[1]:
        return centred
    root: Tensor = torch.linalg.qr(centred, mode="r").R
    return root
