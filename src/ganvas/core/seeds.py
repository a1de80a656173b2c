"""Seeds by purpose: a random number depends only on (seed, purpose, counters), never on history."""

import hashlib

import numpy as np


def seed_for(seed: int, purpose: str, *counters: int) -> int:
    """Derive an independent 63-bit seed, the same on every machine and in every process."""
    text = "/".join([str(seed), purpose, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def numpy_rng(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    """Return a fresh numpy generator, for work without tensors."""
    return np.random.default_rng(seed_for(seed, purpose, *counters))
