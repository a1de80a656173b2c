"""The space in which a generator's pictures are neighbours, and how to go from one to another."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ganvas.models.base import Generator

Points = Float[Tensor, "b z"]
Labels = Int64[Tensor, " b"]

LONGEST = 2.0
"""A latent of N(0, I) is sqrt(z) long, give or take 0.7; three times that is hardly ever met."""
PARALLEL = 1e-4
"""Below this angle an arc is a line in fp32."""


class Space(NamedTuple):
    """What walks and projections need to know of a generator."""

    points: Callable[[Points, Labels | None], Points]
    """Latents z to points of this space."""
    between: Callable[[Points, Points, Float[Tensor, " b"]], Points]
    """between(start, end, share): the point after a share in [0, 1] of the way."""
    hold: Callable[[Points], Points]
    """Bring points back to where the generator has learned anything."""
    render: Callable[[Points, Labels | None], Float[Tensor, "b c h w"]]
    """Points to images in [-1, 1]."""


def space_of(G: Generator) -> Space:
    """Return the space of latents themselves, a sphere: its points are joined by arcs."""
    return Space(points=lambda z, _label: z, between=slerp, hold=held, render=G)


def slerp(start: Points, end: Points, share: Float[Tensor, " b"]) -> Points:
    """Go along the arc from start to end (Shoemake 1985), the length changing evenly.

    A straight line between two latents passes near 0, where no latent of N(0, I) ever lies.
    Opposite points have no one arc between them: those are joined by a line.
    """
    share = share[:, None]
    length_a, length_b = start.norm(dim=1, keepdim=True), end.norm(dim=1, keepdim=True)
    cosine = (start * end).sum(1, keepdim=True) / (length_a * length_b)
    angle = torch.arccos(cosine.clamp(-1, 1))
    is_arc = angle.sin() > PARALLEL
    sine = torch.where(is_arc, angle.sin(), 1.0)
    a, b = ((1 - share) * angle).sin() / sine, (share * angle).sin() / sine
    arc = torch.lerp(length_a, length_b, share) * (a * start / length_a + b * end / length_b)
    return torch.where(is_arc, arc, torch.lerp(start, end, share))


def held(z: Points) -> Points:
    """Shorten latents that are longer than N(0, I) makes them."""
    longest = math.sqrt(z.shape[1]) + LONGEST
    too_long: Tensor = z.norm(dim=1, keepdim=True) / longest
    return z / too_long.clamp(min=1)
