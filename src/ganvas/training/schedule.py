"""Values as functions of the clock `nimg`, real images shown so far."""

import math

from ganvas.training.config import CureConfig, EmaConfig, OptimConfig


def cosine(start: float, end: float, fraction: float) -> float:
    """Go from `start` at fraction 0 to `end` at fraction 1 on half a cosine, then stay."""
    return end + (start - end) * (1 + math.cos(math.pi * min(fraction, 1.0))) / 2


def lr_factor(optim: OptimConfig, nimg: int, schedule_nimg: int) -> float:
    """What both learning rates are multiplied with: linear warm-up, then a cosine to `lr_end`."""
    warmup_nimg = optim.warmup_kimg * 1000
    warmup = min(1.0, (nimg + 1) / warmup_nimg) if warmup_nimg else 1.0
    return warmup * cosine(1.0, optim.lr_end, nimg / schedule_nimg)


def noise_sigma(cure: CureConfig, nimg: int, schedule_nimg: int) -> float:
    """Standard deviation of instance noise: linear to 0 in the first half (arXiv:1610.04490)."""
    return cure.instance_noise * max(0.0, 1.0 - 2.0 * nimg / schedule_nimg)


def ema_beta(ema: EmaConfig, nimg: int, schedule_nimg: int, batch_size: int) -> float:
    """Share the average keeps in a step: 0.5 ^ (batch / half-life), the half-life ramping up.

    Before the ramp has grown to a few batches the average simply follows the generator.
    """
    half_life_nimg = min(ema.half_life * schedule_nimg, ema.ramp * (nimg + batch_size))
    return float(0.5 ** (batch_size / half_life_nimg))
