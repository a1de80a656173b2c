"""All pairs of two sets of feature vectors, a block of rows in memory at a time; random halves."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

ROWS = 1024
"""Of a matrix of pairs held at once: 50,000 pictures then need 0.4 GB."""


def choose(num: int, size: int, times: int, generator: torch.Generator) -> Float[Tensor, "t n"]:
    """Return a row of zeros and ones a time, `size` ones at random places."""
    places = torch.rand(times, num, generator=generator).argsort(dim=1)[:, :size]
    return torch.zeros(times, num, dtype=torch.float64).scatter_(1, places, 1.0)


def distances(left: Float[Tensor, "n d"], right: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """Return the Euclidean distance of every pair, in the precision of the vectors."""
    return torch.cdist(left, right, compute_mode="use_mm_for_euclid_dist")


def blocks(
    left: Float[Tensor, "n d"], right: Float[Tensor, "m d"]
) -> Iterator[tuple[slice, Float[Tensor, "r m"]]]:
    """Yield rows of the matrix of distances, and which rows they are."""
    for start in range(0, len(left), ROWS):
        rows = slice(start, min(start + ROWS, len(left)))
        yield rows, distances(left[rows], right)


def sums(
    between: Callable[[Tensor, Tensor], Tensor],
    left: Float[Tensor, "n d"],
    right: Float[Tensor, "m d"],
    chosen_left: Float[Tensor, "t n"],
    chosen_right: Float[Tensor, "t m"],
) -> Float[Tensor, " t"]:
    """Return `between` summed over all pairs of chosen pictures, for each row of 0 or 1 a picture.

    All rows share one pass over the matrix of pairs, so a hundred choices cost little more than
    one.
    """
    total = torch.zeros(len(chosen_left), dtype=torch.float64)
    for start in range(0, len(left), ROWS):
        rows = slice(start, start + ROWS)
        total += (chosen_left[:, rows] @ between(left[rows], right) * chosen_right).sum(1)
    return total
