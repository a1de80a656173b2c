"""What a style is measured by: the mean and the second moment of a layer's activations."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Moments:
    """E[F] and E[F F^T] over positions; the second is the Gram matrix divided by positions."""

    mean: Float[Tensor, " c"]
    second: Float[Tensor, "c c"]

    def plus(self, other: "Moments") -> "Moments":
        """Add what another part of the same picture has."""
        return Moments(self.mean + other.mean, self.second + other.second)


def moments(
    features: Float[Tensor, "1 c h w"], weights: Float[Tensor, "h w"] | None, *, count: float
) -> Moments:
    """Sum F and F F^T over positions, each times its weight, divided by `count`.

    For a whole picture `count` is its number of positions, or the sum of the weights; for a
    part of one it is the whole picture's, so that the parts add up.
    """
    flat = features[0].flatten(1)
    each = None if weights is None else weights.flatten()
    return Moments(*_Sums.apply(flat, each, count))  # type: ignore[no-untyped-call]


def mix(parts: list[tuple[float, Moments]]) -> Moments:
    """Mix means and second moments in the given shares: the statistics of a mixed crowd."""
    mean = torch.stack([share * part.mean for share, part in parts]).sum(0)
    second = torch.stack([share * part.second for share, part in parts]).sum(0)
    return Moments(mean, second)


def full(activations: Tensor) -> Tensor:
    """Bring half precision up to fp32; what is more precise stays so."""
    return activations.float() if activations.dtype == torch.bfloat16 else activations


class _Sums(torch.autograd.Function):
    """Both sums in fp32; the backward pass is one product, because F F^T is symmetric."""

    @staticmethod
    def forward(
        ctx: Any, flat: Tensor, weights: Tensor | None, count: float
    ) -> tuple[Tensor, Tensor]:
        high = full(flat)
        weighted = high if weights is None else high * weights
        ctx.save_for_backward(flat, weights)
        ctx.count = count
        return weighted.sum(1) / count, weighted @ high.T / count

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        flat, weights = ctx.saved_tensors
        mean, second = grads
        both = ((second + second.T) / ctx.count).to(flat.dtype)
        gradient = torch.addmm((mean / ctx.count).to(flat.dtype)[:, None], both, flat)
        return gradient if weights is None else gradient * weights.to(flat.dtype), None, None
