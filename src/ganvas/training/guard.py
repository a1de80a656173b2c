"""The guard: turns signs of health into states and at most one careful action at a time.

starting -> healthy -> watch -> acting -> healthy, or rolled back -> healthy. A trouble is acted
upon only when several checks in a row confirm it; what was done gets time to show its effect
before the next rung of the trouble's ladder; what helped is eased off slowly. All of it is a
function of the steps, and the same on every process.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch

from ganvas.losses.adversarial import ADVERSARIAL
from ganvas.models.base import Discriminator
from ganvas.training.config import TrainConfig
from ganvas.training.context import Context, Stats
from ganvas.training.decision import Decision, Kind
from ganvas.training.guard_state import GuardState
from ganvas.training.plan import Plan
from ganvas.training.probe import Probe
from ganvas.training.rates import is_far_above, is_far_below, take_tried_rates
from ganvas.training.source import Source
from ganvas.training.state import TrainState
from ganvas.training.troubles import GUESSING, TROUBLES, Rung

CHECK_STEPS = 50
"""Steps between two checks: their cost stays below 3 % of the training's."""
MEMORY = 0.85
"""What a moving average keeps of itself at each check."""
USUAL_MEMORY = 0.95
"""The same for what is usual, which must not follow an explosion too soon."""
CONFIRMED = 5
"""Checks in a row that make a trouble certain, and health after it too."""
CONFIRMED_FAR_ABOVE = 2
"""As many are enough for a way back from rates far above the preset's: the cause is known."""
OVER = 0.7
"""Level below which a trouble is gone; it came at 1."""
FIRST_CHECKS = 8
"""Checks before the averages mean anything."""
WARM_UP_STEPS = 2000
PAUSE_CHECKS = 6
PAUSE_SHARE = 0.02
"""After an action nothing is done for this part of the run, or `PAUSE_CHECKS` if that is more."""
UNPROVEN = 0.25
"""Part of the run in which nothing learned at rates far above the preset's is returned to."""
MOST_ROLLBACKS = 3
MOST_GAMMA = 8.0
LEAST_RATE = 0.25
"""Neither D's rate nor both together are lowered further; each rollback lowers them besides."""
MOST_P = 0.8
P_STEP = 0.1

Change = tuple[str, dict[str, float], dict[str, float]]
"""What was done in words, and the numbers before and after."""


class Guard:
    """Watches one training; all it remembers is in `state.guard`."""

    def __init__(self, source: Source, context: Context) -> None:
        self.probe = Probe(source, context)
        self._context = context
        self._num_pictures = len(source)

    def after_step(self, state: TrainState, stats: Stats) -> tuple[Stats, Decision | None]:
        """Take in a step; at every `CHECK_STEPS`th measure `health/*` and decide."""
        config = self._context.config
        if "loss/d" in stats:
            seen = torch.stack([stats["loss/d"], stats["balance/accuracy"]])
            state.balance += torch.cat([seen, seen.new_ones(1)])
        if state.nimg % (CHECK_STEPS * config.batch_size):
            return {}, None
        loss_d, accuracy, num = self._context.engine.average(state.balance).tolist()
        state.balance.zero_()
        if not math.isfinite(loss_d):
            return {}, not_finite(state, config, "loss/d")
        if not watches(state, config):
            return {}, None
        health = self.probe.measure(state)
        measured = dict(zip(health, torch.stack(list(health.values())).tolist(), strict=True))
        measured = {name.removeprefix("health/"): value for name, value in measured.items()}
        broken = next((n for n, value in measured.items() if not math.isfinite(value)), None)
        if broken is not None:
            return {}, not_finite(state, config, f"health/{broken}")
        balance = self._balance(loss_d / num, accuracy / num) if num else {}
        health |= {f"health/{name}": torch.tensor(value) for name, value in balance.items()}
        measured |= balance | {"pictures": self._num_pictures}
        return health, decide(state, measured, config, self._context.plan)

    def _balance(self, loss_d: float, accuracy: float) -> dict[str, float]:
        """What the step's own numbers say, where the loss has a level to say it by."""
        name = self._context.config.loss.adversarial
        ideal = ADVERSARIAL[name].ideal_d
        found = {"gap": 1 - loss_d / ideal} if ideal else {}
        # 0 is where D is undecided, but for lsgan (1/2) and wgan (anywhere).
        return found | ({"accuracy": accuracy} if name not in ("lsgan", "wgan") else {})


def watches(state: TrainState, config: TrainConfig) -> bool:
    """Whether health is judged: where it was asked for, and where there is a D to judge by."""
    return config.guard != "off" and isinstance(state.D, Discriminator)


def decide(
    state: TrainState, measured: Mapping[str, float], config: TrainConfig, plan: Plan
) -> Decision | None:
    """Move the state machine by one check, and act where that is allowed."""
    guard = state.guard
    _remember(guard, measured)
    if guard.checks < FIRST_CHECKS or state.nimg < warm_up_nimg(config, plan):
        return None
    levels = {name: row.level(guard.smoothed) for name, row in TROUBLES.items()}
    if guard.trouble is None:
        return _while_healthy(state, levels, config, plan)
    return _in_trouble(state, levels, config, plan)


def warm_up_nimg(config: TrainConfig, plan: Plan) -> float:
    """The first 5 % of a run, or 2000 steps but no more than 10 % of it."""
    total = plan.total_nimg
    return max(0.05 * total, min(WARM_UP_STEPS * config.batch_size, 0.1 * total))


def not_finite(state: TrainState, config: TrainConfig, name: str) -> Decision:
    """Decide after a number that is not finite: back to a healthy snapshot, or stop."""
    what = f"{name} is not finite after {state.nimg:,} images: the training has diverged."
    change = _roll_back(state, config) if config.guard == "act" else None
    kind: Kind = "stop" if change is None else "rollback"
    made = _decision(state, kind, "non-finite", what, change)
    return replace(made, evidence={name: math.nan})


def may_return_here(state: TrainState, config: TrainConfig, plan: Plan) -> bool:
    """Whether a rollback may lead back to a snapshot of now: no trouble that it would have to mend.

    Some troubles last for a whole run that goes on learning; they must not cost all of it. What
    was learned at rates far above the preset's is no good until they have held for a while.
    """
    guard = state.guard
    if is_far_above(guard, config) and state.nimg < UNPROVEN * plan.total_nimg:
        return False
    if guard.trouble is None:
        return guard.phase == "healthy"
    return "rollback" not in TROUBLES[guard.trouble].ladder


def standing(state: TrainState) -> str:
    """How the training is doing: the trouble it is in, or the phase where there is none."""
    return state.guard.trouble or state.guard.phase


def _while_healthy(
    state: TrainState, levels: Mapping[str, float], config: TrainConfig, plan: Plan
) -> Decision | None:
    guard = state.guard
    worst = next((name for name, level in levels.items() if level >= 1), None)
    if worst is not None:
        guard.phase, guard.trouble, guard.streak = "watch", worst, 0
        guard.relapses += guard.has_eased
        guard.has_eased = False
        return _decision(state, "watch", worst, TROUBLES[worst].sentence)
    guard.phase = "healthy"
    if config.guard != "act" or state.nimg < guard.calm_until or not (change := _ease(state)):
        return None
    guard.has_eased = True
    _pause(state, config, plan, times=2 ** (1 + guard.relapses))
    return _decision(state, "act", "none", "All is well again.", change)


def _in_trouble(
    state: TrainState, levels: Mapping[str, float], config: TrainConfig, plan: Plan
) -> Decision | None:
    guard = state.guard
    assert guard.trouble is not None
    worse = next(name for name, level in levels.items() if level >= 1 or name == guard.trouble)
    if worse != guard.trouble:
        guard.phase, guard.trouble, guard.streak = "watch", worse, 0
        return _decision(state, "watch", worse, TROUBLES[worse].sentence)
    level = levels[guard.trouble]
    if level < OVER:
        # While all is as it was, counting up; while it recovers, counting down.
        guard.streak = min(guard.streak, 0) - 1
        if guard.streak > -CONFIRMED:
            return None
        over, guard.phase, guard.trouble, guard.streak = guard.trouble, "healthy", None, 0
        guard.calm_until = max(guard.calm_until, state.nimg + _pause_nimg(config, plan))
        return _decision(state, "recovered", over, f"Over: {TROUBLES[over].word}.")
    guard.streak = max(guard.streak, 0) + (level >= 1)
    is_known = is_far_above(guard, config) and "rollback" in TROUBLES[guard.trouble].ladder
    wanted = CONFIRMED_FAR_ABOVE if is_known else CONFIRMED
    if guard.streak < wanted or state.nimg < guard.calm_until or config.guard != "act":
        return None
    return _act(state, config, plan)


def _act(state: TrainState, config: TrainConfig, plan: Plan) -> Decision | None:
    """Take the first rung of the ladder that still holds."""
    guard = state.guard
    assert guard.trouble is not None
    name, row = guard.trouble, TROUBLES[guard.trouble]
    ladder = row.ladder
    if "rollback" in ladder and is_far_above(guard, config):
        # Rates that nobody tried before are the likely cause, and no lesser rung mends them.
        ladder = ("rollback", "tried_rates", *ladder)
    for rung in ladder:
        if rung == "stop":
            return _decision(state, "stop", name, row.sentence)
        if rung == "rollback":
            if (change := _roll_back(state, config)) is not None:
                return _decision(state, "rollback", name, row.sentence, change)
        elif (change := _take(state, rung, config)) is not None:
            guard.phase, guard.streak = "acting", 0
            _pause(state, config, plan)
            return _decision(state, "act", name, row.sentence, change)
    return None


def _take(state: TrainState, rung: Rung, config: TrainConfig) -> Change | None:
    """Take one rung; None where it does not exist here or was taken to its end."""
    guard = state.guard
    match rung:
        case "augment":
            p = _effective_p(state)
            if not config.augment.operations or p >= MOST_P - 1e-6:
                return None
            state.augment_floor.fill_(min(MOST_P, p + P_STEP))
            return "more pictures are augmented", {"p": p}, {"p": _effective_p(state)}
        case "rate_d":
            part = min(guard.rate_d / guard.lasting_rate_d / 2, gap_rule(guard.smoothed["gap"]))
            lower = guard.lasting_rate_d * max(LEAST_RATE, part)
            if lower >= guard.rate_d:
                return None
            before, guard.rate_d = guard.rate_d, lower
            return "D learns more slowly", {"rate_d": before}, {"rate_d": lower}
        case "gamma":
            penalised = config.loss.gamma > 0 and {"r1", "r2"} & set(config.loss.penalties)
            if not penalised or guard.gamma * 2 > MOST_GAMMA:
                return None
            before, guard.gamma = guard.gamma, guard.gamma * 2
            return "D is kept smoother", {"gamma": before}, {"gamma": guard.gamma}
        case "rates":
            if guard.rate / 2 < guard.lasting_rate * LEAST_RATE:
                return None
            before, guard.rate = guard.rate, guard.rate / 2
            return "both learn at half the rate", {"rate": before}, {"rate": guard.rate}
        case "give_back":
            return _ease_d(state)
        case "tried_rates":
            if not (is_far_above(guard, config) or is_far_below(guard, config)):
                return None
            old = guard.factors()
            take_tried_rates(guard, config)
            what = f"both learn at the rates that the preset {config.preset} was tried with"
            return what, old, guard.factors()
        case _:
            raise AssertionError(rung)


def gap_rule(gap: float) -> float:
    """Factor of D's rate when its loss is the part `gap` below the ideal V*.

    h^x with h = 1/4 where D's loss is zero: the exponential form of 2302.00089, whose window is
    a tenth of V*. Recipes with augmentation and penalties live well outside that window.
    """
    return float(LEAST_RATE ** min(max(gap, 0.0), 1.0))


def _roll_back(state: TrainState, config: TrainConfig) -> Change | None:
    """Lower the rates for a rollback, or double gamma too; None when none is left."""
    guard = state.guard
    if guard.rollbacks >= MOST_ROLLBACKS or guard.healthy_nimg is None:
        return None
    before = {"nimg": state.nimg} | guard.factors()
    guard.rollbacks += 1
    if is_far_above(guard, config):
        take_tried_rates(guard, config)
        rates = f"the learning rates that the preset {config.preset} was tried with"
    else:
        guard.rate /= 2
        guard.gamma = min(MOST_GAMMA, guard.gamma * 2)
        rates = "half the rates"
    guard.lasting_rate, guard.lasting_gamma = guard.rate, guard.gamma
    after = {"nimg": guard.healthy_nimg} | guard.factors()
    return f"back to the last healthy snapshot, with {rates} and other noise", before, after


def _ease(state: TrainState) -> Change | None:
    """Take one action back, the last rung of the ladders first."""
    guard = state.guard
    if guard.rate < guard.lasting_rate:
        before, guard.rate = guard.rate, min(guard.lasting_rate, guard.rate * 2)
        return "both learn faster again", {"rate": before}, {"rate": guard.rate}
    if change := _ease_d(state):
        return change
    floor = state.augment_floor.item()
    if floor > 0:
        p = _effective_p(state)
        lower = floor - P_STEP
        state.augment_floor.fill_(lower if lower > state.augment_p.item() else 0.0)
        return "fewer pictures are augmented", {"p": p}, {"p": _effective_p(state)}
    return None


def _ease_d(state: TrainState) -> Change | None:
    """Give D back what was taken from it, one thing at a time."""
    guard = state.guard
    if guard.gamma > guard.lasting_gamma:
        before, guard.gamma = guard.gamma, max(guard.lasting_gamma, guard.gamma / 2)
        return "D may be steeper again", {"gamma": before}, {"gamma": guard.gamma}
    if guard.rate_d < guard.lasting_rate_d:
        before, guard.rate_d = guard.rate_d, min(guard.lasting_rate_d, guard.rate_d * 2)
        return "D learns faster again", {"rate_d": before}, {"rate_d": guard.rate_d}
    return None


def _remember(guard: GuardState, measured: Mapping[str, float]) -> None:
    """Average the signals over checks; how surprising gradient norms are joins them."""
    guard.checks += 1
    # Where a loss has no level, it tells of no D that is too strong or too weak.
    values = {"gap": GUESSING} | dict(measured)
    # A single bad moment must not outweigh many good ones.
    values["gap"] = max(values["gap"], -0.3)
    values["duplicates"] = max(0.0, values["duplicates"] - 1 / values["pictures"])
    for short in ("g", "d"):
        values[f"surprise_{short}"] = _surprise(guard, short, values[f"gradient_{short}"])
    for name, value in values.items():
        old = guard.smoothed.get(name, value)
        guard.smoothed[name] = MEMORY * old + (1 - MEMORY) * value


def _surprise(guard: GuardState, name: str, norm: float) -> float:
    """How many powers of ten a gradient norm is above its usual one, at most 3."""
    level = math.log10(max(norm, 1e-30))
    usual = guard.usual.setdefault(name, level)
    guard.usual[name] = USUAL_MEMORY * usual + (1 - USUAL_MEMORY) * level
    return min(max(level - usual, 0.0), 3.0)


def _effective_p(state: TrainState) -> float:
    return max(state.augment_p.item(), state.augment_floor.item())


def _pause_nimg(config: TrainConfig, plan: Plan) -> int:
    checks = PAUSE_CHECKS * CHECK_STEPS * config.batch_size
    return max(checks, int(PAUSE_SHARE * plan.total_nimg))


def _pause(state: TrainState, config: TrainConfig, plan: Plan, *, times: int = 1) -> None:
    state.guard.calm_until = state.nimg + times * _pause_nimg(config, plan)


def _decision(
    state: TrainState, kind: Kind, trouble: str, sentence: str, change: Change | None = None
) -> Decision:
    action, before, after = change or ("", {}, {})
    smoothed = state.guard.smoothed
    evidence = {
        name: round(smoothed[name], 4)
        for name in (TROUBLES[trouble].signals if trouble in TROUBLES else ())
        if name in smoothed
    }
    done = f" So {action}." if action else ""
    return Decision(state.nimg, kind, trouble, action, sentence + done, before, after, evidence)
