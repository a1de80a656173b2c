"""The state machine on made-up signals: what it notices, does, repeats, undoes and leaves alone."""

import math
from itertools import pairwise

import pytest
import torch

from ganvas.core.device import Numerics
from ganvas.training import guard
from ganvas.training.plan import Plan
from ganvas.training.state import TrainState
from ganvas.training.troubles import TROUBLES

GOOD = {
    "gap": 0.1,
    "accuracy": 0.7,
    "pair_accuracy": 0.9,
    "pair_margin": 0.5,
    "overfit": 0.1,
    "diversity_features": 0.9,
    "diversity_pixels": 0.9,
    "duplicates": 0.0,
    "blank": 0.0,
    "clipped": 0.0,
    "gradient_g": 1.0,
    "gradient_d": 2.0,
    "pictures": 1000,
}
BAD = {
    "labels-flipped": {"pair_accuracy": 0.02, "accuracy": 0.05, "gap": 0.6},
    "blank": {"blank": 1.0, "diversity_pixels": 0.0, "diversity_features": 0.0},
    "off-scale": {"clipped": 0.9},
    "collapse": {"diversity_pixels": 0.02, "diversity_features": 0.03},
    "diverging": {"gap": -0.25},
    "memorising": {"overfit": 0.9},
    "d-too-strong": {"gap": 0.995, "pair_accuracy": 1.0},
    "d-too-weak": {"gap": 0.0, "pair_accuracy": 0.5},
    "partial-collapse": {"duplicates": 0.2},
}
LENGTH = 400


class Run:
    """A guard that is fed signals instead of a training."""

    def __init__(self, config, source, length=LENGTH):
        self.config = config
        self.step = guard.CHECK_STEPS * config.batch_size
        total = length * self.step
        self.plan = Plan(total_nimg=total, schedule_nimg=total, tick_nimg=8, snapshot_nimg=8)
        self.state = TrainState(config, source, Numerics(torch.device("cpu"), "fp32"))
        self.state.guard.healthy_nimg = 0

    def check(self, num=1, **signals):
        """Feed the same signals `num` times; return the decisions."""
        made = []
        for _ in range(num):
            self.state.nimg += self.step
            decision = guard.decide(self.state, GOOD | signals, self.config, self.plan)
            made += [decision] if decision else []
        return made

    def until(self, kind, limit=LENGTH, **signals):
        """Feed signals until a decision of this kind is made."""
        for _ in range(limit):
            for decision in self.check(**signals):
                if decision.kind == kind:
                    return decision
        raise AssertionError(f"no {kind}")

    @property
    def factors(self):
        memory = self.state.guard
        return memory.rate, memory.rate_d, memory.gamma, round(self.state.augment_floor.item(), 3)


@pytest.fixture
def run(tiny, pictures):
    changes = {"augment": {"operations": ["color"], "p": 0.3}, "guard": "act"}
    return lambda length=LENGTH, **more: Run(tiny("resnet", changes | more), pictures(), length)


def test_good_signals_say_nothing_at_all(run):
    one = run()
    assert one.check(LENGTH) == []
    assert one.factors == (1, 1, 1, 0)
    assert one.state.guard.phase == "healthy"


def test_a_noisy_healthy_run_says_nothing(run):
    one, drawn = run(), torch.Generator().manual_seed(0)
    for _ in range(LENGTH):
        noise = torch.randn(8, generator=drawn).tolist()
        signals = {
            "gap": 0.05 + 0.05 * noise[0],
            "pair_accuracy": min(1.0, 0.85 + 0.12 * noise[1]),
            "overfit": 0.2 + 0.25 * noise[2],
            "diversity_pixels": 0.8 + 0.15 * noise[3],
            "diversity_features": 0.8 + 0.15 * noise[4],
            "duplicates": 0.002 if noise[5] > 1 else 0.0,
            "gradient_g": math.exp(0.4 * noise[6]),
            "gradient_d": math.exp(0.4 * noise[7]),
        }
        assert one.check(**signals) == []


@pytest.mark.parametrize("trouble", BAD)
def test_one_bad_check_is_forgiven(run, trouble):
    one = run()
    one.check(100)
    one.check(**BAD[trouble])
    assert one.check(60) == []


@pytest.mark.parametrize("trouble", BAD)
def test_every_trouble_is_named_with_its_evidence_and_a_sentence(run, trouble):
    one = run()
    one.check(100)
    watched = one.until("watch", **BAD[trouble])
    for _ in range(20):
        if watched.trouble == trouble:
            break
        # A trouble is sometimes reached through a lesser one, while the averages follow.
        watched = one.until("watch", **BAD[trouble])
    assert watched.trouble == trouble
    assert set(watched.evidence) == set(TROUBLES[trouble].signals)
    assert watched.sentence == TROUBLES[trouble].sentence
    assert watched.action == ""
    assert guard.standing(one.state) == trouble


def test_exploding_gradients_are_noticed_against_what_was_usual(run):
    one = run()
    one.check(100)
    norm, found = 2.0, []
    for _ in range(12):
        norm *= 10
        found += one.check(gradient_d=norm)
    assert found[0].trouble == "exploding"
    steady = run()
    steady.check(100, gradient_d=1e6)
    assert steady.check(100, gradient_d=1e6) == []


def test_nothing_is_decided_before_the_warm_up_is_over(run):
    one = run()
    early = int(guard.warm_up_nimg(one.config, one.plan) / one.step) - 1
    assert early >= 0.05 * LENGTH - 1
    assert one.check(early, **BAD["blank"]) == []
    assert one.check(2 * guard.CONFIRMED, **BAD["blank"]) != []


def test_an_action_needs_confirmation_and_is_followed_by_a_pause(run):
    one = run()
    one.check(100)
    watched = one.until("watch", **BAD["diverging"])
    acted = [one.until("act", **BAD["diverging"]) for _ in range(4)]
    checks = [(d.nimg - watched.nimg) / one.step for d in acted]
    assert checks[0] == guard.CONFIRMED
    pause = max(guard.PAUSE_CHECKS, guard.PAUSE_SHARE * LENGTH)
    assert [b - a for a, b in pairwise(checks)] == [pause] * 3


def test_the_rungs_are_climbed_in_order_and_rollbacks_end(run):
    one = run(length=4000)
    one.check(500)
    seen = []
    while True:
        for decision in one.check(**BAD["diverging"]):
            seen.append(decision)
            if decision.kind == "rollback":
                one.state.guard = one.state.guard.after_rollback()
        if seen and seen[-1].kind == "stop":
            break
    kinds = [(d.kind, tuple(d.after)) for d in seen if d.kind in ("act", "rollback", "stop")]
    rate, rate_d, gamma = ("rate",), ("rate_d",), ("gamma",)
    back = ("nimg", "rate", "rate_d", "gamma")
    assert kinds[:8] == [
        *[("act", rate_d)] * 2,
        *[("act", gamma)] * 3,
        *[("act", rate)] * 2,
        ("rollback", back),
    ]
    assert [kind for kind, _ in kinds].count("rollback") == guard.MOST_ROLLBACKS
    assert kinds[-1][0] == "stop"
    assert one.state.guard.rate_d == guard.LEAST_RATE
    assert one.state.guard.gamma == guard.MOST_GAMMA


@pytest.mark.parametrize("trouble", ["blank", "off-scale", "collapse"])
def test_what_never_mends_itself_goes_straight_back(run, trouble):
    one = run()
    one.check(100)
    decision = one.until("rollback", limit=60, **BAD[trouble])
    assert decision.trouble == trouble
    # On its way down it may have been a partial collapse for a while, and met with gamma.
    gamma = 2 * decision.before["gamma"]
    assert decision.after == {"nimg": 0, "rate": 0.5, "rate_d": 1, "gamma": gamma}
    assert one.factors == (0.5, 1, gamma, 0)


def test_exchanged_labels_stop_at_once(run):
    one = run()
    one.check(100)
    assert one.until("stop", limit=60, **BAD["labels-flipped"]).trouble == "labels-flipped"
    assert one.factors == (1, 1, 1, 0)


def test_memorising_raises_p_first_and_never_above_its_limit(run):
    one = run()
    one.check(100)
    ps = []
    for decision in one.check(300, **BAD["memorising"]):
        assert decision.kind in ("watch", "act")
        ps += [decision.after["p"]] if "p" in decision.after else []
    assert ps == pytest.approx([0.4, 0.5, 0.6, 0.7, 0.8])
    assert one.factors == (1, 0.25, 8, 0.8)


def test_where_nothing_is_augmented_or_penalised_those_rungs_are_left_out(run):
    one = run(augment={"operations": []}, loss={"gamma": 0.0})
    one.check(100)
    one.check(200, **BAD["memorising"])
    assert one.factors == (1, 0.25, 1, 0)


def test_few_pictures_without_a_hold_out_are_judged_by_accuracy(run):
    one = run()
    one.check(100, pictures=20)
    watched = one.until("watch", pictures=20, accuracy=0.99, pair_accuracy=1.0)
    assert watched.trouble == "memorising"


def test_a_d_that_g_has_outrun_is_weak_whatever_the_loss(run):
    """Also where accuracy is that of pairs, and so as low as with exchanged labels."""
    one = run()
    one.check(100)
    made = one.check(60, gap=-1.1, pair_accuracy=0.0, accuracy=0.0)
    assert [(d.kind, d.trouble) for d in made][-1] == ("watch", "d-too-weak")
    assert {d.kind for d in made} == {"watch", "recovered"} or len(made) == 1
    assert one.factors == (1, 1, 1, 0)


@pytest.mark.parametrize("pair_accuracy", [0.5, 1.0])
def test_a_loss_without_a_level_tells_of_no_weak_or_strong_d(run, pair_accuracy):
    """The critic of WGAN ranks by any scale, from any level."""
    one = run()
    signals = {name: GOOD[name] for name in GOOD if name not in ("gap", "accuracy")}
    signals["pair_accuracy"] = pair_accuracy
    for _ in range(LENGTH):
        one.state.nimg += one.step
        assert guard.decide(one.state, signals, one.config, one.plan) is None


def test_few_pictures_may_come_twice(run):
    one = run()
    assert one.check(200, pictures=20, duplicates=0.06) == []


def test_hysteresis_keeps_a_trouble_until_it_is_clearly_over(run):
    one = run()
    one.check(100)
    one.until("act", **BAD["memorising"])
    between = 0.5 * (1 + guard.OVER) * 0.6
    one.check(30, overfit=between)
    # Below the level that began it and above the one that ends it: nothing more, nothing less.
    assert one.check(100, overfit=between) == []
    assert one.state.guard.trouble == "memorising"
    assert one.until("recovered", overfit=0.1).trouble == "memorising"
    assert one.check(1, overfit=between) == []


def test_what_was_done_is_taken_back_one_by_one(run):
    one = run()
    one.check(100)
    for _ in range(7):
        one.until("act", **BAD["diverging"])
    assert one.factors == (0.25, 0.25, 8, 0)
    eased = []
    for decision in one.check(300):
        if decision.kind == "act":
            assert decision.trouble == "none"
            eased.append(decision)
    order = [next(iter(d.after)) for d in eased]
    assert order == ["rate", "rate", "gamma", "gamma", "gamma", "rate_d", "rate_d"]
    assert one.factors == (1, 1, 1, 0)
    pause = 8 * one.step
    assert [b.nimg - a.nimg for a, b in pairwise(eased)] == [2 * pause] * 6


def test_after_a_relapse_the_next_easing_waits_twice_as_long(run):
    one = run()
    one.check(100)
    waits = []
    for _ in range(3):
        one.until("act", **BAD["diverging"])
        one.until("act", **BAD["diverging"])
        first = one.until("act")
        waits.append(one.until("act").nimg - first.nimg)
    assert [wait / (8 * one.step) for wait in waits] == [2, 4, 8]


def test_what_a_rollback_changed_stays(run):
    one = run()
    one.check(100)
    one.until("rollback", **BAD["blank"])
    one.state.guard = one.state.guard.after_rollback()
    assert one.state.guard.phase == "rolled back"
    assert one.state.guard.smoothed == {}
    assert one.check(1000) == []
    assert one.factors == (0.5, 1, 2, 0)


def test_a_worse_trouble_takes_over(run):
    one = run()
    one.check(100)
    one.until("watch", **BAD["memorising"])
    assert one.until("watch", **BAD["memorising"], **BAD["diverging"]).trouble == "diverging"
    assert one.state.guard.trouble == "diverging"


@pytest.mark.parametrize("trouble", BAD)
def test_warn_says_the_same_and_does_nothing(run, trouble):
    acting, warning = run(), run(guard="warn")
    for one in (acting, warning):
        one.check(100)
    said = warning.check(200, **BAD[trouble])
    assert {d.kind for d in said} == {"watch"}
    assert said[0] == acting.until("watch", **BAD[trouble])
    assert warning.factors == (1, 1, 1, 0)


def test_numbers_that_are_not_finite_go_back_then_stop(run):
    one = run()
    rates = []
    for _ in range(guard.MOST_ROLLBACKS):
        decision = guard.not_finite(one.state, one.config, "loss/d")
        assert (decision.kind, decision.trouble) == ("rollback", "non-finite")
        rates.append(one.state.guard.rate)
    assert rates == [0.5, 0.25, 0.125]
    assert guard.not_finite(one.state, one.config, "loss/d").kind == "stop"
    for careful in ("warn", "off"):
        assert guard.not_finite(run(guard=careful).state, run(guard=careful).config, "x").kind == (
            "stop"
        )


@pytest.mark.parametrize(("gap", "factor"), [(-1, 1), (0, 1), (0.5, 0.5), (1, 0.25), (2, 0.25)])
def test_the_gap_rule(gap, factor):
    assert guard.gap_rule(gap) == pytest.approx(factor)


def test_a_weak_d_gets_back_what_was_taken(run):
    one = run()
    one.check(100)
    one.state.guard.rate_d, one.state.guard.gamma = 0.25, 4.0
    one.check(200, **BAD["d-too-weak"])
    assert one.factors == (1, 1, 1, 0)


FAST = {"preset": "residual", "optim": {"lr_g": 1e-2, "lr_d": 2e-2}}
SLOW = {"preset": "residual", "optim": {"lr_g": 1e-4, "lr_d": 5e-5}}


@pytest.mark.parametrize("trouble", ["blank", "diverging"])
def test_rates_far_above_the_presets_are_brought_back_to_them_at_once(run, trouble):
    one = run(**FAST)
    one.check(100)
    made = (d for _ in range(60) for d in one.check(**BAD[trouble]))
    watched = next(d for d in made if d.trouble == trouble)
    decision = one.until("rollback", limit=60, **BAD[trouble])
    assert decision.nimg - watched.nimg == guard.CONFIRMED_FAR_ABOVE * one.step
    assert "the preset residual" in decision.sentence
    assert decision.before == {"nimg": one.state.nimg, "rate": 1, "rate_d": 1, "gamma": 1}
    rates = decision.after["rate"] * 1e-2, decision.after["rate"] * decision.after["rate_d"] * 2e-2
    assert rates == pytest.approx((1e-3, 1e-3))
    assert decision.after["gamma"] == 1
    one.state.guard = one.state.guard.after_rollback()
    assert one.check(300) == [], "what is as it should be is not taken back"
    again = one.until("rollback", **BAD["blank"])
    assert again.after["rate"] == pytest.approx(0.05), "known rates that fail are halved too"


def test_far_too_high_rates_are_lowered_where_there_is_no_way_back(run):
    one = run(**FAST)
    one.state.guard.healthy_nimg = None
    one.check(100)
    decision = one.until("act", limit=60, **BAD["diverging"])
    assert decision.after == pytest.approx({"rate": 0.1, "rate_d": 0.5, "gamma": 1})


def test_rates_far_below_the_presets_are_raised_to_them_for_a_weak_d(run):
    one = run(**SLOW)
    one.check(100)
    (acted,) = (d for d in one.check(300, **BAD["d-too-weak"]) if d.kind == "act")
    assert acted.trouble == "d-too-weak"
    rates = one.state.guard.rate * 1e-4, one.state.guard.rate * one.state.guard.rate_d * 5e-5
    assert rates == pytest.approx((1e-3, 1e-3))
    assert [d.kind for d in one.check(300)] == ["recovered"]


def test_what_a_rollback_lowered_is_not_raised_for_a_weak_d(run):
    one = run(preset="residual", optim={"lr_g": 1e-3, "lr_d": 1e-3})
    one.check(100)
    for _ in range(guard.MOST_ROLLBACKS):
        one.until("rollback", **BAD["blank"])
        one.state.guard = one.state.guard.after_rollback()
    one.check(300, **BAD["d-too-weak"])
    assert one.state.guard.rate == 0.125


def test_warn_takes_nothing_back_either(run):
    one = run(guard="warn")
    one.state.guard.rate_d = 0.5
    assert one.check(200) == []
    assert one.state.guard.rate_d == 0.5


def test_a_loss_without_verdicts_tells_nothing_of_few_pictures(run):
    one = run()
    signals = {name: GOOD[name] for name in GOOD if name not in ("accuracy", "overfit")}
    for _ in range(LENGTH):
        one.state.nimg += one.step
        seen = signals | {"pictures": 20, "pair_accuracy": 1.0}
        assert guard.decide(one.state, seen, one.config, one.plan) is None


@pytest.mark.parametrize(("trouble", "may"), [("memorising", True), ("diverging", False)])
def test_a_trouble_that_no_rollback_mends_leaves_snapshots_to_return_to(run, trouble, may):
    one = run()
    assert not guard.may_return_here(one.state, one.config, one.plan), "nothing is known yet"
    one.check(100)
    assert guard.may_return_here(one.state, one.config, one.plan)
    one.until("act", **BAD[trouble])
    assert guard.may_return_here(one.state, one.config, one.plan) is may


def test_what_far_too_high_rates_have_learned_is_no_place_to_return_to(run):
    one = run(**FAST)
    one.check(99)
    assert not guard.may_return_here(one.state, one.config, one.plan)
    one.check(1)
    assert guard.may_return_here(one.state, one.config, one.plan), "they have proved themselves"


def test_a_d_that_guesses_at_far_too_high_rates_gets_those_of_the_preset(run):
    one = run(**FAST)
    one.check(100)
    (acted,) = (d for d in one.check(300, **BAD["d-too-weak"]) if d.kind == "act")
    assert acted.after == {"rate": pytest.approx(0.1), "rate_d": pytest.approx(0.5), "gamma": 1}
