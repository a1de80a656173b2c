"""Copies: do made pictures come nearer to the training pictures than new real ones would?"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from ganvas.core.errors import DataError
from ganvas.core.rng import rng
from ganvas.metrics.pairs import blocks, choose

QUANTILE = 0.05
"""Share of real pictures that come suspiciously near to a training picture by chance."""


class Copies(NamedTuple):
    """How near made pictures come to the training pictures."""

    share: float
    """Of the fakes nearer than all but QUANTILE of the reals; QUANTILE without copying."""
    share_std: float
    ratio: float
    """Median distance of the fakes over that of the reals: 1 without copying, 0 for copies."""
    ratio_std: float


def copies(
    real: Float[Tensor, "n d"],
    trained_on: Bool[Tensor, " n"],
    fake: Float[Tensor, "m d"],
    *,
    halves: int = 100,
    seed: int,
) -> Copies:
    """Compare the way from fakes to the nearest training picture with the way from reals.

    Reals that were held out go to any training picture, training pictures to any other: for a
    network that has seen neither, both are a new picture beside the training set. So few or no
    held-out pictures are no trouble. The spreads are standard errors (half-sampling, see `kid`).
    Raises DataError for fewer than 4 reals, 2 training pictures among them, or 4 fakes.
    """
    if min(len(real), len(fake)) < 4 or trained_on.sum() < 2:
        raise DataError("looking for copies needs at least four pictures of each kind")
    ways = [_nearest(real, real, trained_on, but_itself=True)[0]]
    ways.append(_nearest(fake, real, trained_on)[0])
    generator = rng(seed, "copies")
    chosen = [choose(len(way), len(way) // 2, halves, generator).bool() for way in ways]
    results = [_compare(*ways)]
    for rows in zip(*chosen, strict=True):
        results.append(_compare(*(way[row] for way, row in zip(ways, rows, strict=True))))
    table = torch.tensor(results, dtype=torch.float64)
    spread = table[1:].std(0, correction=0)
    return Copies(results[0][0], spread[0].item(), results[0][1], spread[1].item())


def closest(
    real: Float[Tensor, "n d"],
    trained_on: Bool[Tensor, " n"],
    fake: Float[Tensor, "m d"],
    *,
    num: int,
) -> tuple[Int64[Tensor, " p"], Int64[Tensor, " p"]]:
    """Return the fakes nearest to a training picture, nearest first, and which picture of `real`
    that is; at most `num` of them, no training picture twice."""
    way, where = _nearest(fake, real, trained_on)
    first: dict[int, int] = {}
    for index in way.argsort(stable=True).tolist():
        first.setdefault(int(where[index]), index)
    pairs = list(first.items())[:num]
    return torch.tensor([fake for _, fake in pairs]), torch.tensor([real for real, _ in pairs])


def _nearest(
    pictures: Float[Tensor, "m d"],
    real: Float[Tensor, "n d"],
    trained_on: Bool[Tensor, " n"],
    *,
    but_itself: bool = False,
) -> tuple[Float[Tensor, " m"], Int64[Tensor, " m"]]:
    """Return the distance of each picture to the nearest training picture, and its row of `real`.

    With `but_itself` the pictures are `real`, and none is its own neighbour.
    """
    columns = trained_on.nonzero()[:, 0]
    way, where = torch.empty(len(pictures), dtype=torch.float64), columns.new_empty(len(pictures))
    training = real[columns].to("cpu", torch.float64)
    for rows, apart in blocks(pictures.to("cpu", torch.float64), training):
        if but_itself:
            apart[torch.arange(rows.start, rows.stop)[:, None] == columns] = torch.inf
        way[rows], found = apart.min(dim=1)
        where[rows] = columns[found]
    return way, where


def _compare(real: Float[Tensor, " n"], fake: Float[Tensor, " m"]) -> tuple[float, float]:
    """Return the share of fakes below the quantile of the reals, and the ratio of medians."""
    share = (fake < real.quantile(QUANTILE)).double().mean()
    return share.item(), (fake.median() / real.median()).item()
