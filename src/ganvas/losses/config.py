"""Which loss and which penalties (no torch here)."""

from typing import Annotated, Literal

from pydantic import Field

from ganvas.core.config import Config

AdversarialName = Literal["bce", "hinge", "lsgan", "wgan", "relativistic"]
Penalty = Literal["r1", "r2", "wgan-gp"]
PenaltyMode = Literal["exact", "lazy", "finite-difference"]


class LossConfig(Config):
    """The adversarial loss and what keeps the discriminator smooth."""

    adversarial: AdversarialName = "relativistic"
    """The adversarial loss: a row of `losses.adversarial.ADVERSARIAL`, see docs/losses.md."""
    soft: Annotated[float, Field(gt=0, le=1)] = 1.0
    """bce: label of the reals (one-sided smoothing, .9); hinge: lowest random margin (.8)."""
    penalties: tuple[Penalty, ...] = ("r1", "r2")
    """r1: gradient on reals; r2: gradient on fakes; wgan-gp: slope 1 between the two."""
    gamma: Annotated[float, Field(ge=0)] = 1.0
    """Weight of r1 and r2 at the start: loss += gamma / 2 * penalty."""
    gamma_end: Annotated[float, Field(ge=0)] = 1.0
    """Their weight at the end, reached on a cosine."""
    gradient_penalty: Annotated[float, Field(ge=0)] = 10.0
    """Weight of wgan-gp."""
    drift: Annotated[float, Field(ge=0)] = 0.0
    """Weight of E[D(real)^2], which pins the level of a Wasserstein discriminator."""
    rebuilding: Annotated[float, Field(ge=0)] = 1.0
    """fastgan: weight of what D misses when it rebuilds the reals."""
    kl: Annotated[float, Field(ge=0)] = 1.0
    """vae: weight of the divergence from N(0, 1); 1 is the bound itself, less is sharper."""
    penalty_mode: PenaltyMode = "exact"
    """exact: every step by double backward; lazy: every n-th step, n times as strong;
    finite-difference: two forward passes in fp32 and no double backward."""
    penalty_every: Annotated[int, Field(ge=1, le=64)] = 1
    """Steps between two lazy penalties."""
    penalty_stride: Annotated[int, Field(ge=1, le=64)] = 1
    """Compute the penalty on every n-th picture of the batch: unbiased, and n times cheaper."""
    finite_difference_sigma: Annotated[float, Field(gt=0)] = 0.01
    """Length of the finite-difference probe, per pixel."""
