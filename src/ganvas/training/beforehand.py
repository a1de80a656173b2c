"""What can be said before the first step: of the pictures, and of rates too low for the plan."""

from ganvas.training.config import TrainConfig
from ganvas.training.decision import Decision
from ganvas.training.guard_state import GuardState
from ganvas.training.plan import Plan
from ganvas.training.presets import FAR_OFF
from ganvas.training.probe import Probe
from ganvas.training.rates import take_tried_rates, times_tried

LEAST_CONTRAST = 0.01
"""Pictures that vary, or differ, by hardly more than one of 255 levels (0.008) do not."""
ENOUGH_NIMG = 64_000
"""A run that teaches as much as so many pictures at its preset's rates is left to its own."""


def data_fault(probe: Probe, nimg: int) -> Decision | None:
    """Say what no training could mend: pictures that show nothing, or all the same."""
    contrast, apart = probe.real_contrast.item(), probe.real_distances.median().item()
    if contrast < LEAST_CONTRAST:
        evidence, name = {"contrast": contrast}, "blank"
        what = "Nearly all pictures are of one flat colour, so there is nothing to learn from them"
    elif apart < LEAST_CONTRAST:
        evidence, name = {"distance": apart}, "one-image"
        what = "Nearly all pictures are the same one, so there is nothing to learn but that one"
    else:
        return None
    hint = "look at them with `ganvas inspect`; --guard warn trains on them all the same."
    evidence = {key: round(value, 5) for key, value in evidence.items()}
    return Decision(nimg, "data", name, "", f"{what}: {hint}", evidence=evidence)


def hasten(guard: GuardState, config: TrainConfig, plan: Plan) -> Decision | None:
    """Take the preset's rates where those asked for are too low for a run so short.

    Only where both are: one that is lower than the other may be meant as two time-scales.
    """
    before, times = guard.factors(), max(times_tried(guard, config))
    worth = plan.total_nimg * times
    if times > 1 / FAR_OFF or worth >= ENOUGH_NIMG:
        return None
    take_tried_rates(guard, config)
    action = f"both learn at the rates that the preset {config.preset} was tried with"
    what = (
        f"Rates at most {times:.2g} times those of the preset teach in the {plan.total_nimg:,} "
        f"pictures of this run what {worth:,.0f} would: next to nothing."
    )
    done = f"So {action}; more time would do too, and --guard warn leaves the rates alone."
    return Decision(0, "act", "too-slow", action, f"{what} {done}", before, guard.factors())
