"""Feature diversity: are made pictures as different from each other as real ones are?"""

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.core.errors import DataError
from ganvas.core.rng import rng
from ganvas.metrics.pairs import choose, distances, sums


def diversity(
    real: Float[Tensor, "n d"], fake: Float[Tensor, "m d"], *, halves: int = 100, seed: int
) -> tuple[float, float]:
    """Return the mean distance of two fakes over that of two reals, and its standard error.

    1: as diverse; 0: always the same picture. A mean over pairs has no bias, so sets of any size
    compare. The error is the spread over random `halves` of both sets (see `kid`). Raises
    DataError for fewer than 4 pictures of each kind, or when the real ones are all alike.
    """
    if min(len(real), len(fake)) < 4:
        raise DataError("diversity needs at least four pictures of each kind")
    generator = rng(seed, "diversity")
    means = [
        _mean_distances(features.to("cpu", torch.float64), halves, generator)
        for features in (real, fake)
    ]
    if not means[0].min() > 0:
        raise DataError("the real pictures are all alike: no diversity to compare with")
    ratios = means[1] / means[0]
    return ratios[0].item(), ratios[1:].std(correction=0).item()


def _mean_distances(
    features: Float[Tensor, "n d"], halves: int, generator: torch.Generator
) -> Float[Tensor, " t"]:
    """Return the mean distance over the pairs of the whole set, then of each random half."""
    whole = torch.ones(1, len(features), dtype=torch.float64)
    chosen = torch.cat([whole, choose(len(features), len(features) // 2, halves, generator)])
    num = chosen.sum(1)
    return sums(distances, features, features, chosen, chosen) / (num * (num - 1))
