"""Learning rates beside those that the preset was tried with."""

from ganvas.training.config import TrainConfig
from ganvas.training.guard_state import GuardState
from ganvas.training.presets import FAR_OFF, rates_off


def times_tried(guard: GuardState, config: TrainConfig) -> tuple[float, float]:
    """How many times their preset's the rates of G and D are where all is well."""
    times_g, times_d = rates_off(config)
    return times_g * guard.lasting_rate, times_d * guard.lasting_rate * guard.lasting_rate_d


def is_far_above(guard: GuardState, config: TrainConfig) -> bool:
    """Whether one of the rates, where all is well, is far above its preset's."""
    return max(times_tried(guard, config)) >= FAR_OFF


def is_far_below(guard: GuardState, config: TrainConfig) -> bool:
    """Whether one is far below; not where a rollback lowered them, for that must stay."""
    return not guard.rollbacks and min(times_tried(guard, config)) <= 1 / FAR_OFF


def take_tried_rates(guard: GuardState, config: TrainConfig) -> None:
    """Let both networks learn at the preset's rates from now on."""
    times_g, times_d = rates_off(config)
    guard.rate = guard.lasting_rate = 1 / times_g
    guard.rate_d = guard.lasting_rate_d = times_g / times_d
