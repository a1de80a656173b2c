"""Which augmentations the discriminator sees, and how often (no torch here)."""

from typing import Annotated, Literal

from pydantic import Field

from ganvas.core.config import Config

Operation = Literal["flip", "rotate90", "translation", "scale", "color", "cutout"]


class AugmentConfig(Config):
    """One pipe on reals and fakes alike, each sample with its own probability and draws."""

    operations: tuple[Operation, ...] = ()
    """In the order in which they are applied."""
    p: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Probability of each operation per sample; where `adaptive`, the start."""
    adaptive: bool = False
    """Steer p so that the discriminator does not learn its pictures by heart."""
    target: Annotated[float, Field(gt=0, lt=1)] = 0.6
    """Where the overfitting signal is held: E[sign D(real)], or E[sign(D(real) - D(fake))]
    for a relativistic loss, which has no absolute level."""
    speed_kimg: Annotated[float, Field(gt=0)] = 500.0
    """Thousands of pictures in which p may go from 0 to 1."""
    p_max: Annotated[float, Field(gt=0, le=0.9)] = 0.8
    """p never rises above this, or augmentations leak into the pictures."""
