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
    """Median nearness of the fakes over that of the reals: 1 without copying, 0 for copies."""
    ratio_std: float


def copies(
    real: Float[Tensor, "n d"],
    trained_on: Bool[Tensor, " n"],
    fake: Float[Tensor, "m d"],
    *,
    halves: int = 100,
    seed: int,
) -> Copies:
    """Compare how near fakes come to a training picture with how near reals come.

    A picture's nearness is its distance to the nearest training picture, divided by the distance
    from there to the next training picture (as for authenticity in 2102.08921): plain pictures
    lie close together and detailed ones far apart, so distances alone find no copies of these.
    Reals that were held out go to any training picture, training pictures to any other, as if
    they were not there: to a network that has seen neither, both are new beside the training set.
    So few or no held-out pictures are no trouble. The spreads are standard errors (half-sampling,
    see `kid`). Raises DataError for fewer than 4 pictures of a kind, or 3 training pictures.
    """
    if min(len(real), len(fake)) < 4 or trained_on.sum() < 3:
        raise DataError("looking for copies needs at least four pictures of each kind")
    sides = [
        _nearness(real, real, trained_on, but_itself=True)[0],
        _nearness(fake, real, trained_on)[0],
    ]
    generator = rng(seed, "copies")
    chosen = [choose(len(side), len(side) // 2, halves, generator).bool() for side in sides]
    results = [_compare(*sides)]
    for rows in zip(*chosen, strict=True):
        results.append(_compare(*(side[row] for side, row in zip(sides, rows, strict=True))))
    spread = torch.tensor(results[1:], dtype=torch.float64).std(0, correction=0)
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
    nearness, where = _nearness(fake, real, trained_on)
    first: dict[int, int] = {}
    for index in nearness.argsort(stable=True).tolist():
        first.setdefault(int(where[index]), index)
    pairs = list(first.items())[:num]
    return torch.tensor([fake for _, fake in pairs]), torch.tensor([real for real, _ in pairs])


def _nearness(
    pictures: Float[Tensor, "m d"],
    real: Float[Tensor, "n d"],
    trained_on: Bool[Tensor, " n"],
    *,
    but_itself: bool = False,
) -> tuple[Float[Tensor, " m"], Int64[Tensor, " m"]]:
    """Return the nearness of each picture, and the row of `real` it is near to.

    With `but_itself` the pictures are `real`, and none is a training picture to itself.
    """
    columns = trained_on.nonzero()[:, 0]
    training = real[columns].to("cpu", torch.float64)
    next_ones, next_rows = _two_nearest(training)
    nearness, where = (
        torch.empty(len(pictures), dtype=torch.float64),
        columns.new_empty(len(pictures)),
    )
    for rows, apart in blocks(pictures.to("cpu", torch.float64), training):
        numbers = torch.arange(rows.start, rows.stop)
        if but_itself:
            apart[numbers[:, None] == columns] = torch.inf
        way, found = apart.min(dim=1)
        is_itself = (
            columns[next_rows[found]] == numbers if but_itself else torch.zeros_like(way) > 0
        )
        around = torch.where(is_itself, next_ones[found, 1], next_ones[found, 0])
        # Equal training pictures have no way between them.
        nearness[rows] = way / around.clamp(min=torch.finfo(way.dtype).tiny)
        where[rows] = columns[found]
    return nearness, where


def _two_nearest(
    training: Float[Tensor, "t d"],
) -> tuple[Float[Tensor, "t 2"], Int64[Tensor, " t"]]:
    """Return the distances from each picture to the two nearest others, and the first's row."""
    distances, first = training.new_empty(len(training), 2), torch.empty(len(training)).long()
    for rows, apart in blocks(training, training):
        apart[range(len(apart)), range(rows.start, rows.stop)] = torch.inf
        distances[rows], found = apart.topk(2, dim=1, largest=False)
        first[rows] = found[:, 0]
    return distances, first


def _compare(real: Float[Tensor, " n"], fake: Float[Tensor, " m"]) -> tuple[float, float]:
    """Return the share of fakes below the quantile of the reals, and the ratio of medians."""
    share = (fake < real.quantile(QUANTILE)).double().mean()
    return share.item(), (fake.median() / real.median()).item()
