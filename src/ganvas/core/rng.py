"""Torch generators by purpose; see `seeds.py`."""

import torch

from ganvas.core.seeds import seed_for


def rng(
    seed: int, purpose: str, *counters: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a fresh generator; keep latents on "cpu" so that a seed means one picture anywhere."""
    return torch.Generator(device=device).manual_seed(seed_for(seed, purpose, *counters))
