"""Directions in which pictures change most, found without looking at a picture.

From the weights (SeFa, 2007.06600): the first layer turns a latent into A z + b, so a step along n
changes it by A n; the longest of these for unit n belong to the eigenvectors of A^T A with the
largest eigenvalues, A^T A n = value n (equation 7). In W, A holds the layers of all styles.
From the styles (GANSpace, 2004.02546): the principal components of w, over many latents.
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from ganvas.core import images
from ganvas.core.errors import ConfigError
from ganvas.core.pixels import to_arrays
from ganvas.core.rng import rng
from ganvas.latent.space import Points, Space, space_of, with_styles
from ganvas.latent.stations import Label, Station, stations
from ganvas.layers.equalized import EqualizedLinear
from ganvas.models.base import LATENTS, Generator, StyleGenerator

Source = Literal["weights", "pca"]
BY = 3.0
"""So many standard deviations one goes along a direction."""
STEPS = 7
"""Pictures along a direction in a sheet."""


class Directions(NamedTuple):
    """An orthonormal basis of a space, the strongest direction first."""

    vectors: Float[Tensor, "d d"]
    """A direction a row; its largest number is positive."""
    strengths: Float[Tensor, " d"]
    """Eigenvalues: squared length of A n, or variance of w."""
    spread: Float[Tensor, " d"]
    """Standard deviation of points along each: the unit of a step."""


@torch.no_grad()
def directions(G: Generator, source: Source = "weights") -> Directions:
    """Find directions in the generator's own space. Raises ConfigError for PCA without styles."""
    if source == "pca":
        with_styles(G)
    z = torch.randn(LATENTS, G.z_dim, generator=rng(0, "directions"))
    classes = torch.arange(LATENTS) % G.num_classes if G.num_classes else None
    device, space = next(G.parameters()).device, space_of(G)
    points = space.points(z.to(device), None if classes is None else classes.to(device))
    samples = points[:, 0].double()
    A = _first_layer(G).double()
    matrix = samples.T.cov() if source == "pca" else A.T @ A
    strengths, columns = torch.linalg.eigh(matrix)
    vectors = columns.T.flip(0)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    vectors = vectors * largest.sign()
    spread = (samples @ vectors.T).std(dim=0)
    return Directions(vectors.float(), strengths.flip(0).float(), spread.float())


def step(G: Generator, name: str) -> Float[Tensor, " d"]:
    """Return a step of one standard deviation along "3", the third direction, or "pca3".

    Raises ConfigError.
    """
    found = directions(G, "pca" if name.startswith("pca") else "weights")
    number, most = name.removeprefix("pca"), len(found.vectors)
    if not number.isdecimal() or not 1 <= int(number) <= most:
        raise ConfigError(f"there is no direction {name!r}; choose from 1 to {most}")
    return found.vectors[int(number) - 1] * found.spread[int(number) - 1]


def moved(space: Space, points: Points, steps: Float[Tensor, "b d"]) -> Points:
    """Return points, each gone its own way; classes stay."""
    rows = space.searched(points)
    return torch.cat([rows + steps[:, None], points[:, rows.shape[1] :]], dim=1)


def sheet(
    G: Generator,
    seed: Station = 0,
    *,
    source: Source = "weights",
    num: int = 8,
    by: float = BY,
    psi: float = 1.0,
    label: Label = None,
) -> UInt8[np.ndarray, "h w c"]:
    """Draw a seed changed along the first `num` directions, a row each, the seed in the middle.

    From `by` standard deviations backwards to as many forwards. Raises ConfigError.
    """
    found = directions(G, source)
    scale = torch.linspace(-by, by, STEPS).to(found.spread)
    with torch.inference_mode():
        space, points, labels = stations(G, [seed], [label])
        middle = space.typical(points, labels, psi).expand(STEPS, -1, -1)
        rows = [
            space.render(moved(space, middle, scale[:, None] * size * vector))
            for vector, size in zip(found.vectors[:num], found.spread, strict=False)
        ]
    return images.grid(to_arrays(torch.cat(rows)), columns=STEPS)


def _first_layer(G: Generator) -> Float[Tensor, "o d"]:
    if isinstance(G, StyleGenerator):
        return G.style_weights()
    kinds = (EqualizedLinear, nn.Linear, nn.ConvTranspose2d)
    layer = next(module for module in G.modules() if isinstance(module, kinds))
    weight = layer.scaled_weight() if isinstance(layer, EqualizedLinear) else layer.weight
    # A transposed convolution of a 1x1 map is a linear layer; its inputs come first.
    A: Tensor = weight.flatten(1).T if isinstance(layer, nn.ConvTranspose2d) else weight
    return A[:, : G.z_dim]
