"""Does an exported network make the same pictures? Asked before the file gets its name."""

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ganvas.core.errors import GanvasError
from ganvas.models.base import Generator, seeded_latents

SEEDS = range(5)
TOLERANCE = 1e-3
"""A quarter of half a grey level; other orders of summation stay a hundred times below."""


def probe(G: Generator) -> tuple[Float[Tensor, "b z"], Int64[Tensor, " b"] | None]:
    """Return latents, and labels where there are classes, to compare with."""
    label = torch.tensor([seed % G.num_classes for seed in SEEDS]) if G.num_classes else None
    return seeded_latents(SEEDS, G.z_dim), label


def difference(G: Generator, images: Float[np.ndarray, "b c h w"]) -> float:
    """Return how far the export's pictures for `probe` are from G's own, clamped to [-1, 1].

    Raises GanvasError when they are other pictures.
    """
    with torch.inference_mode():
        expected = G(*probe(G)).clamp(-1, 1)
    largest: float = (torch.from_numpy(images) - expected).abs().max().item()
    if not largest <= TOLERANCE:
        raise GanvasError(
            f"the exported network makes other pictures than the run: they differ by {largest:.2g} "
            f"where {TOLERANCE:g} is allowed; nothing was written, please report it"
        )
    return largest
