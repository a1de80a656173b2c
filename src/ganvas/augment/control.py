"""Adaptive augmentation: p follows the sign of an overfitting signal (ADA, 2006.06676)."""

from jaxtyping import Float
from torch import Tensor

from ganvas.augment.config import AugmentConfig

Scalar = Float[Tensor, ""]


def next_p(p: Scalar, signal: Scalar, *, config: AugmentConfig, num_images: int) -> Scalar:
    """Move p up where `signal` is above the target, down where below, after `num_images` more.

    p += sign(signal - target) num_images / (1000 speed_kimg), kept within 0 .. p_max; ADA knows
    no upper limit, and leaks there. A signal that is not a number moves nothing. Tensors, so that
    the loop does not wait for the device.
    """
    direction = (signal > config.target).to(p.dtype) - (signal < config.target).to(p.dtype)
    return (p + direction * (num_images / (1000 * config.speed_kimg))).clamp(0, config.p_max)
