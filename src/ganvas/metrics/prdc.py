"""Precision and recall (1904.06991), density and coverage (2002.09797): good, and of all kinds?"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.core.errors import DataError
from ganvas.core.rng import rng
from ganvas.metrics.pairs import blocks

NEIGHBOURS = 5


class Prdc(NamedTuple):
    """How two sets of feature vectors lie in each other's neighbourhoods.

    A picture's neighbourhood is the ball as far as its k-th nearest neighbour in its own set.
    """

    precision: float
    """Share of made pictures in some real picture's neighbourhood."""
    recall: float
    """Share of real pictures in some made picture's neighbourhood."""
    density: float
    """Real neighbourhoods a made picture lies in, divided by k: about 1, or more where it is
    dense. One stray real picture, whose ball is large, counts little."""
    coverage: float
    """Share of real pictures with a made one in their neighbourhood."""


def prdc(real: Float[Tensor, "n d"], fake: Float[Tensor, "m d"], *, k: int = NEIGHBOURS) -> Prdc:
    """Return all four, in float64; a set has to have more than k pictures."""
    assert 0 < k < min(len(real), len(fake)), "a picture needs k neighbours in its own set"
    real, fake = real.to("cpu", torch.float64), fake.to("cpu", torch.float64)
    reach_real, reach_fake = _reach(real, k), _reach(fake, k)
    inside_some = torch.zeros(len(fake), dtype=torch.bool)
    recalled, covered, balls = 0, 0, 0
    for rows, apart in blocks(real, fake):
        near = apart <= reach_real[rows, None]
        inside_some |= near.any(0)
        balls += int(near.sum())
        covered += int(near.any(1).sum())
        recalled += int((apart <= reach_fake).any(1).sum())
    return Prdc(
        precision=inside_some.double().mean().item(),
        recall=recalled / len(real),
        density=balls / (k * len(fake)),
        coverage=covered / len(real),
    )


def matched_prdc(
    real: Float[Tensor, "n d"], fake: Float[Tensor, "m d"], *, splits: int = 10, seed: int
) -> tuple[Prdc, Prdc, Prdc]:
    """Return fakes against reals, the spread of that, and reals against reals, at one size of set.

    All four depend on how many pictures there are. So random halves of the reals meet as many
    fakes, and the same halves meet the other halves: a perfect generator scores as the reals do.
    The means over `splits` are returned, and the standard deviation of the first. That is what
    half-sampling takes for the standard error (see `kid`); counting neighbours is not linear, so
    here it is larger, up to twice. Sets of fewer than 12 pictures have fewer neighbours. Raises
    DataError for fewer than 4 pictures of a kind.
    """
    size = min(len(real), len(fake)) // 2
    if size < 2:
        raise DataError("neighbourhoods need at least four pictures of each kind")
    k = min(NEIGHBOURS, size - 1)
    generator = rng(seed, "prdc halves")
    scores, ideals = [], []
    for _ in range(splits):
        order = torch.randperm(len(real), generator=generator)
        one, other = real[order[:size]], real[order[-size:]]
        some = fake[torch.randperm(len(fake), generator=generator)[:size]]
        scores.append(prdc(one, some, k=k))
        ideals.append(prdc(one, other, k=k))
    table = torch.tensor(scores, dtype=torch.float64)
    spread = table.std(0, correction=0)
    ideal = torch.tensor(ideals, dtype=torch.float64).mean(0)
    return Prdc(*table.mean(0).tolist()), Prdc(*spread.tolist()), Prdc(*ideal.tolist())


def _reach(features: Float[Tensor, "n d"], k: int) -> Float[Tensor, " n"]:
    """Return each picture's distance to its k-th nearest neighbour, itself not counted."""
    reach = torch.empty(len(features), dtype=features.dtype)
    for rows, apart in blocks(features, features):
        apart[range(len(apart)), range(rows.start, rows.stop)] = torch.inf
        reach[rows] = apart.kthvalue(k, dim=1).values
    return reach
