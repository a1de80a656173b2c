"""Fréchet distance between two sets of feature vectors (the formula behind FID, 1706.08500)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.core.errors import DataError


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


def _root(features: Float[Tensor, "n d"]) -> Float[Tensor, "r d"]:
    """Return a matrix X with X'X the covariance, with no more rows than columns."""
    centred = (features - features.mean(0)) / math.sqrt(len(features) - 1)
    if len(centred) <= centred.shape[1]:
        return centred
    root: Tensor = torch.linalg.qr(centred, mode="r").R
    return root
