"""The space in which a generator's pictures are neighbours, and how to go from one to another."""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ganvas.core.device import in_fp32
from ganvas.core.errors import ConfigError
from ganvas.layers.condition import LabelledLatent
from ganvas.models import registry
from ganvas.models.base import Generator, SphereGenerator, StyleGenerator, on_sphere

Latents = Float[Tensor, "b z"]
Labels = Int64[Tensor, " b"]
Points = Float[Tensor, "_ ... d"]
"""Rows of numbers: a latent z and, with classes, the embedding of its class below it; or one style
w for all layers; or one for each (W+)."""
Images = Float[Tensor, "b c h w"]

LONGEST = 2.0
"""A latent of N(0, I) is sqrt(z) long, give or take 0.7; three times that is hardly ever met."""
PARALLEL = 1e-4
"""Below this angle an arc is a line in fp32."""


class Space(NamedTuple):
    """What walks, mixtures and projections need to know of a generator."""

    points: Callable[[Latents, Labels | None], Points]
    """Latents z, and their classes, to points of this space."""
    centre: Callable[[Points, Labels | None], Points]
    """The most typical points, beside which points of these classes lie."""
    between: Callable[[Points, Points, Float[Tensor, " b"]], Points]
    """between(start, end, share): the point after a share in [0, 1] of the way."""
    hold: Callable[[Points], Points]
    """Bring points back to where the generator has learned anything."""
    render: Callable[..., Images]
    """Points to images in [-1, 1]; in W also the noise to add, instead of the generator's own."""
    is_style: bool = False
    """Whether points are styles: then they hold the class, and have no rows that stay."""

    def searched(self, points: Points) -> Points:
        """Return the rows that may be changed: all but the embedding of a class."""
        return points if self.is_style else points[:, :1]

    def typical(
        self, points: Points, labels: Labels | None, psi: float | Float[Tensor, "b 1 1"]
    ) -> Points:
        """Return points nearer to the centre: psi 1 changes nothing, 0 leaves no variety.

        In W this is w_mean + psi (w - w_mean) (1912.04958), elsewhere z gets shorter.
        """
        return self.centre(points, labels).lerp(points, psi)


def space_of(G: Generator, name: Literal["z", "w"] | None = None) -> Space:
    """Return the space of styles of a generator that has them, else that of latents.

    Latents lie on a sphere and are joined by arcs, styles by lines. Raises ConfigError.
    """
    if name == "w" or (name is None and isinstance(G, StyleGenerator)):
        return _styles(with_styles(G))
    return _latents(G)


def with_styles(G: Generator) -> StyleGenerator:
    """Return G itself; raise ConfigError, naming who has styles, when it has none."""
    if isinstance(G, StyleGenerator):
        return G
    able = [name for name in registry.names() if registry.config_class(name).has_styles]
    raise ConfigError(f"this generator has no styles: train one with --arch {' or '.join(able)}")


def slerp(start: Points, end: Points, share: Float[Tensor, " b"]) -> Points:
    """Go along the arc from start to end (Shoemake 1985), the length changing evenly.

    A straight line between two latents passes near 0, where no latent of N(0, I) ever lies.
    Opposite points have no one arc between them: those are joined by a line.
    """
    share = share.view(-1, *[1] * (start.ndim - 1))
    length_a, length_b = start.norm(dim=-1, keepdim=True), end.norm(dim=-1, keepdim=True)
    cosine = (start * end).sum(-1, keepdim=True) / (length_a * length_b)
    angle = torch.arccos(cosine.clamp(-1, 1))
    is_arc = angle.sin() > PARALLEL
    sine = torch.where(is_arc, angle.sin(), 1.0)
    a, b = ((1 - share) * angle).sin() / sine, (share * angle).sin() / sine
    arc = torch.lerp(length_a, length_b, share) * (a * start / length_a + b * end / length_b)
    return torch.where(is_arc, arc, torch.lerp(start, end, share))


def held(z: Points) -> Points:
    """Shorten latents that are longer than N(0, I) makes them."""
    longest = math.sqrt(z.shape[-1]) + LONGEST
    too_long: Tensor = z.norm(dim=-1, keepdim=True) / longest
    return z / too_long.clamp(min=1)


def _styles(G: StyleGenerator) -> Space:
    def centre(points: Points, labels: Labels | None) -> Points:
        mean = G.w_mean[:1] if labels is None or not G.num_classes else G.w_mean[labels]
        return mean[:, None].to(points).expand_as(points)

    def render(points: Points, noise: Sequence[Tensor] | None = None) -> Images:
        return G.synthesize(points.expand(-1, G.num_styles, -1), noise)

    return Space(
        points=lambda z, labels: in_fp32(G.map(z, labels)[:, :1]),
        centre=centre,
        between=lambda start, end, share: torch.lerp(start, end, share[:, None, None]),
        hold=lambda points: points,
        render=render,
        is_style=True,
    )


def _latents(G: Generator) -> Space:
    is_sphere = isinstance(G, SphereGenerator)
    # Of latents whose length counts: G itself would bring them to the sphere again.
    make = G.from_sphere if isinstance(G, SphereGenerator) else G
    tables = [
        module.embedding.weight
        for module in G.modules()
        if isinstance(module, LabelledLatent) and module.embedding is not None
    ]
    assert len(tables) == bool(G.num_classes), "a class is a row of one LabelledLatent"

    def points(z: Latents, labels: Labels | None) -> Points:
        z = on_sphere(z) if is_sphere else z
        rows = [] if labels is None else [table[labels].to(z) for table in tables]
        return torch.stack([z, *rows], dim=1)

    def render(points: Points, _noise: Sequence[Tensor] | None = None) -> Images:
        z, *rows = points.unbind(1)
        images: Tensor = make(z, rows[0].to(tables[0].dtype) if rows else None)
        return images

    return Space(
        points=points,
        centre=lambda points, _: torch.cat([0 * points[:, :1], points[:, 1:]], dim=1),
        between=slerp,
        hold=on_sphere if is_sphere else held,
        render=render,
    )
