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


def growth(nimg: int, schedule_nimg: int, num_stages: int) -> float:
    """How far networks have grown (see `layers.growth`): from 0 to `num_stages` - 1, continuously.

    Stage s of n ends at the part ((s + 1) / n)^2 of the schedule, so larger pictures get longer;
    five stages get 4, 12, 20, 28 and 36 %. Each but the first fades in during its first half.
    """
    done = min(nimg / schedule_nimg, 1.0)
    stage = min(int(num_stages * math.sqrt(done)), num_stages - 1)
    begin, end = (stage / num_stages) ** 2, ((stage + 1) / num_stages) ** 2
    alpha = min(max(2 * (done - begin) / (end - begin), 0.0), 1.0)
    return stage - 1 + alpha if stage else 0.0
