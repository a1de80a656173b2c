"""Endless, seekable batches: which pictures come at position nimg depends only on (seed, nimg)."""

import functools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from ganvas.core.seeds import seed_for

HOLDOUT_FROM = 100
HOLDOUT_LEAST = 16
HOLDOUT_SHARE = 20

_RAW_PER_COUNT = 4


def split(num: int, seed: int) -> tuple[Int64[np.ndarray, " train"], Int64[np.ndarray, " holdout"]]:
    """Set aside a random hold-out of max(16, 5 %) from 100 pictures up; both parts are sorted."""
    if num < HOLDOUT_FROM:
        return np.arange(num), np.empty(0, np.int64)
    size = max(HOLDOUT_LEAST, num // HOLDOUT_SHARE)
    order = _shuffled(seed_for(seed, "holdout"), num)
    return np.sort(order[size:]), np.sort(order[:size])


@dataclass(frozen=True, eq=False)
class Order:
    """An endless shuffled sequence over a pool of pictures: each one once in every epoch."""

    pool: Int64[np.ndarray, " n"]
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        assert len(self.pool) > 0, "an order over no pictures"
        assert self.batch_size > 0

    def at(self, nimg: int) -> Int64[np.ndarray, " batch"]:
        """Return the pictures at positions nimg, nimg + 1, ...; batches run across epoch ends."""
        parts, position, stop = [], nimg, nimg + self.batch_size
        while position < stop:
            epoch, offset = divmod(position, len(self.pool))
            permutation = _shuffled(seed_for(self.seed, "order", epoch), len(self.pool))
            parts.append(permutation[offset : offset + stop - position])
            position += len(parts[-1])
        shown: np.ndarray = self.pool[np.concatenate(parts)]
        return shown


def mirror_mask(seed: int, nimg: int, batch_size: int) -> Bool[np.ndarray, " batch"]:
    """Return which of the positions nimg, nimg + 1, ... are shown flipped left to right."""
    count, offset = divmod(nimg, _RAW_PER_COUNT)
    # Philox counts: position k of its sequence is reached without drawing the ones before.
    bits = np.random.Philox(key=seed_for(seed, "mirror")).advance(count)
    drawn = np.asarray(bits.random_raw(offset + batch_size))[offset:]
    return (drawn & np.uint64(1)).astype(np.bool_)


# Raw bits and a stable sort: numpy promises their values for ever, those of permutation() not.
@functools.lru_cache(maxsize=4)
def _shuffled(seed: int, num: int) -> Int64[np.ndarray, " num"]:
    order = np.argsort(np.random.PCG64(seed).random_raw(num), kind="stable")
    order.setflags(write=False)
    return order
