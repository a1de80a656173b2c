"""The losses of style transfer: content, style (Gram or Wasserstein), variation. All scalars."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ganvas.style.config import ContentForm, Variation
from ganvas.style.moments import full

CAP_STEPS: Final = 12
"""Newton-Schulz steps of the inverse root: small eigenvalues are capped at about 1.5**12."""
RIDGE: Final = 1e-3
"""Added to every covariance's diagonal; features have a mean activation of 1."""


def content_loss(
    features: Float[Tensor, "b c h w"],
    target: Float[Tensor, "b c h w"],
    *,
    form: ContentForm = "mean",
) -> Float[Tensor, ""]:
    """Distance of activations F to the photo's P (Gatys et al. 1508.06576, equation 1).

    "sum" is theirs, 1/2 sum (F - P)^2, and grows with the picture; "mean", mean (F - P)^2, does
    not, so that a weight means the same at every size.
    """
    difference = (full(features) - full(target)).square()
    return difference.mean() if form == "mean" else 0.5 * difference.sum()


def gram_loss(gram: Float[Tensor, "c c"], target: Float[Tensor, "c c"]) -> Float[Tensor, ""]:
    """Distance of Gram matrices, G = F F^T / M over M positions (1508.06576, equations 3 and 4).

    E = 1 / (4 N^2) sum (G - A)^2 for N channels. Their matrices are not divided by M, and
    their E is divided by M^2 instead: the same number, except that here the painting may have
    another size than the photo.
    """
    return (gram - target).square().mean() / 4


@dataclass(frozen=True, eq=False)
class Gaussian:
    """The style of a layer as a normal distribution, with what the distance needs of it."""

    mean: Float[Tensor, " c"]
    covariance: Float[Tensor, "c c"]
    root: Float[Tensor, "c c"]
    rest: Float[Tensor, "c c"]
    """What the transport map is compared with: the identity, except below full strength."""


def covariance(mean: Float[Tensor, " c"], second: Float[Tensor, "c c"]) -> Float[Tensor, "c c"]:
    """Make S = E[F F^T] - E[F] E[F]^T + ridge out of a mean and a second moment."""
    return second - torch.outer(mean, mean) + RIDGE * torch.eye(len(mean), device=mean.device)


def gaussian(
    mean: Float[Tensor, " c"], second: Float[Tensor, "c c"], *, strength: float = 1.0
) -> Gaussian:
    """Prepare a painting's statistics as a target: its covariance and the root of it.

    The capped map from the target to itself is not quite the identity. Below full strength it
    takes the identity's place by so much, so that at strength 0, where the target is the photo
    itself, the gradient at the photo is zero.
    """
    spread = covariance(mean, second)
    values, vectors = torch.linalg.eigh(spread)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    rest = torch.eye(len(mean), device=mean.device, dtype=mean.dtype)
    if strength < 1:
        rest = torch.lerp(_transport(spread, root)[0], rest, strength)
    return Gaussian(mean, spread, root, rest)


@dataclass(frozen=True, eq=False)
class Tangent:
    """The plane that touches the distance of covariances from below: slope : S + constant."""

    slope: Float[Tensor, "c c"]
    constant: Float[Tensor, ""]


def bures_tangent(spread: Float[Tensor, "c c"], target: Gaussian) -> Tangent:
    """Touch tr S_s + tr S - 2 tr (R S R)^1/2, R = S_s^1/2, at S: value and gradient at once.

    The gradient with respect to S is I - T with T = R (R S R)^-1/2 R, the map that transports
    the current distribution to the painting's. One eigendecomposition gives it, instead of
    differentiating through an iteration for matrix roots. The distance is convex in S, so the
    plane stays a good stand-in for some optimiser steps.
    """
    spread = spread.detach()
    transport, middle = _transport(spread, target.root)
    exact = target.covariance.trace() + spread.trace() - 2 * middle
    slope = target.rest - transport
    return Tangent(slope, exact - (slope * spread).sum())


def _transport(spread: Tensor, root: Tensor) -> tuple[Tensor, Tensor]:
    """Return T and tr (R S R)^1/2."""
    values, vectors = torch.linalg.eigh(root @ spread @ root)
    values = values.clamp_min(0)
    inverse = capped_inverse_root(values)
    half = root @ vectors
    return (half * inverse) @ half.T, values.sqrt().sum()


def capped_inverse_root(values: Float[Tensor, " c"], steps: int = CAP_STEPS) -> Float[Tensor, " c"]:
    """Apply Newton-Schulz's inverse square root to eigenvalues: l^-1/2, capped for small l.

    The exact inverse root blows up in directions in which the picture does not vary yet, and
    there it is noise. The iteration stopped early reaches at most 1.5^steps.
    """
    norm = values.norm().clamp_min(torch.finfo(values.dtype).tiny)
    y, z = values / norm, torch.ones_like(values)
    for _ in range(steps):
        factor = (3 - z * y) / 2
        y, z = y * factor, z * factor
    return z / torch.sqrt(norm)


def wasserstein_loss(
    mean: Float[Tensor, " c"],
    second: Float[Tensor, "c c"],
    target: Gaussian,
    tangent: Tangent | None = None,
) -> Float[Tensor, ""]:
    """Squared 2-Wasserstein distance of two normal distributions, a channel.

    [ |m - m_s|^2 + tr S_s + tr S - 2 tr (S_s^1/2 S S_s^1/2)^1/2 ] / C (Dowson and Landau 1982).
    With a `tangent` of an earlier step no eigendecomposition is made.
    """
    spread = covariance(mean, second)
    tangent = tangent or bures_tangent(spread, target)
    spreads = (tangent.slope * spread).sum() + tangent.constant
    return ((mean - target.mean).square().sum() + spreads) / len(mean)


def squared_variation(images: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Mean squared difference of neighbours, across plus down (Mahendran, Vedaldi 1412.0035)."""
    return _across(images).square().mean() + _down(images).square().mean()


def absolute_variation(images: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Mean absolute difference of neighbours: keeps edges (Rudin, Osher and Fatemi 1992)."""
    return _across(images).abs().mean() + _down(images).abs().mean()


def nine_point_variation(images: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Mean squared difference to all eight neighbours: no direction is preferred.

    2/3 (across + down) + 1/6 (both diagonals), as in the nine-point Laplacian. Borders are
    repeated, so that every pixel has eight neighbours.
    """
    padded = F.pad(images, (0, 1, 0, 1), mode="replicate")
    corner, right = padded[..., :-1, :-1], padded[..., :-1, 1:]
    below, across = padded[..., 1:, :-1], padded[..., 1:, 1:]
    straight = (right - corner).square().mean() + (below - corner).square().mean()
    diagonal = (across - corner).square().mean() + (below - right).square().mean()
    return 2 / 3 * straight + diagonal / 6


VARIATIONS: Final[dict[Variation, Callable[[Tensor], Tensor]]] = {
    "squared": squared_variation,
    "absolute": absolute_variation,
    "nine-point": nine_point_variation,
}


def _across(images: Tensor) -> Tensor:
    return images[..., 1:] - images[..., :-1]


def _down(images: Tensor) -> Tensor:
    return images[..., 1:, :] - images[..., :-1, :]
