"""What can go wrong with a training: when it counts as that, what helps, and how to say it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Signals = Mapping[str, float]
Rung = Literal[
    "tried_rates", "augment", "rate_d", "gamma", "rates", "give_back", "rollback", "stop"
]

GUESSING = 0.05
"""With its loss this close to the ideal, or above it, D only guesses."""
FEW = 100
"""Below this there is no hold-out, so memorising cannot be measured."""


@dataclass(frozen=True)
class Trouble:
    """A row of the table below."""

    level: Callable[[Signals], float]
    """1 and more: it is there. Less than `guard.OVER`: it is gone. Between: as before."""
    signals: tuple[str, ...]
    """The evidence that is written down."""
    ladder: tuple[Rung, ...]
    """What is tried, one after the other."""
    word: str
    """For the progress display."""
    sentence: str
    """For a person who never trained a GAN."""


def _labels_flipped(s: Signals) -> float:
    # By its own loss such a D does well; one that G has outrun ranks fakes above reals too.
    right = max(s["pair_accuracy"], s.get("accuracy", 0.0))
    return (0.5 - right) / 0.3 if s["gap"] > 0.1 else 0.0


def _blank(s: Signals) -> float:
    return s["blank"] / 0.8


def _off_scale(s: Signals) -> float:
    return s["clipped"] / 0.5


def _collapse(s: Signals) -> float:
    # Both must fall: pictures that differ in texture only, and a D blind to differences, do not.
    return 0.1 / max(s["diversity_pixels"], s["diversity_features"], 1e-3)


def _exploding(s: Signals) -> float:
    return max(s["surprise_g"], s["surprise_d"])


def _diverging(s: Signals) -> float:
    # A D that is always wrong does not overshoot, it is too slow.
    return -s["gap"] / 0.1 if s["pair_accuracy"] > 0.3 else 0.0


def _partial_collapse(s: Signals) -> float:
    return max(0.3 / max(s["diversity_pixels"], 1e-3), s["duplicates"] / 0.05)


def _memorising(s: Signals) -> float:
    # Without a hold-out, a D that is nearly always right on so few pictures must know them.
    few = s["pictures"] < FEW
    return (s.get("accuracy", 0.0) - 0.5) / 0.45 if few else s["overfit"] / 0.6


def _d_too_strong(s: Signals) -> float:
    return s["gap"] / 0.97 if s["pair_accuracy"] > 0.95 else 0.0


def _d_too_weak(s: Signals) -> float:
    return (1 - s["pair_accuracy"]) / 0.45 if s["gap"] < GUESSING else 0.0


TROUBLES: dict[str, Trouble] = {
    "labels-flipped": Trouble(
        _labels_flipped,
        ("pair_accuracy", "accuracy", "gap"),
        ("stop",),
        "real and fake exchanged",
        "The discriminator scores almost every made picture above every real one, so real and "
        "fake are exchanged somewhere in the loss or the recipe; more training cannot mend that.",
    ),
    "blank": Trouble(
        _blank,
        ("blank", "diversity_pixels"),
        ("rollback", "stop"),
        "pictures are blank",
        "Nearly all made pictures are blank: the generator has been driven into a corner from "
        "which it does not come back.",
    ),
    "off-scale": Trouble(
        _off_scale,
        ("clipped", "diversity_pixels"),
        ("rollback", "stop"),
        "off the scale",
        "Most of what the generator makes is as bright or as dark as a picture can be, or beyond, "
        "and real pictures are not: it has been driven to the end of the scale, where it learns "
        "nothing.",
    ),
    "collapse": Trouble(
        _collapse,
        ("diversity_pixels", "diversity_features"),
        ("rollback", "stop"),
        "collapsed",
        "The generator has collapsed: it makes the same picture whatever it is asked for.",
    ),
    "exploding": Trouble(
        _exploding,
        ("surprise_g", "surprise_d", "gradient_g", "gradient_d"),
        ("rates", "gamma", "rollback", "stop"),
        "exploding",
        "The gradients have become far larger than they ever were: the training is about to "
        "fly apart.",
    ),
    "diverging": Trouble(
        _diverging,
        ("gap", "pair_accuracy"),
        ("rate_d", "gamma", "rates", "rollback", "stop"),
        "diverging",
        "The discriminator does worse than one that only guesses: it overshoots, and teaches the "
        "generator nonsense.",
    ),
    "memorising": Trouble(
        _memorising,
        ("overfit", "accuracy", "pictures"),
        ("augment", "rate_d", "gamma"),
        "D memorises",
        "The discriminator knows its pictures by heart instead of learning what they have in "
        "common; it scores real pictures that it never saw like made ones.",
    ),
    "d-too-strong": Trouble(
        _d_too_strong,
        ("gap", "pair_accuracy"),
        ("tried_rates", "rate_d", "gamma", "augment", "rates"),
        "D too strong",
        "The discriminator is nearly always right, and a generator that never gets away with "
        "anything learns nothing from it.",
    ),
    "d-too-weak": Trouble(
        _d_too_weak,
        ("gap", "pair_accuracy"),
        ("tried_rates", "give_back"),
        "D too weak",
        "The discriminator only guesses, so the generator does not hear what is wrong with its "
        "pictures; a larger one (--model.width), or a smaller --loss.gamma, would see more.",
    ),
    "partial-collapse": Trouble(
        _partial_collapse,
        ("diversity_pixels", "duplicates"),
        ("tried_rates", "gamma", "rate_d", "rates"),
        "little variety",
        "The made pictures vary much less than the real ones; some are nearly the same picture.",
    ),
}
"""What cannot be mended first, then causes before what follows from them: the first one counts."""


UNSEEN = {"too-slow": "rates too low", "non-finite": "numbers that are not finite"}
"""What no signal tells, in words: it is known beforehand, or at once."""


def word(standing: str) -> str:
    """Say in a word or two how a training is doing."""
    return TROUBLES[standing].word if standing in TROUBLES else UNSEEN.get(standing, standing)


def last_standing(stats: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> str:
    """What the guard said last in a run's logs: a trouble, starting, healthy, or rolled back.

    Lines of stats say it at every tick; what happened after the last one is in the events. Empty
    where nobody watches.
    """
    nimg = stats[-1]["nimg"] if stats else -1
    for event in reversed(events):
        # A line of a decision comes before that of a tick at the same nimg, but a rollback's after.
        kind = event["kind"]
        if event["nimg"] + (kind == "rollback") <= nimg:
            break
        if kind == "rollback":
            return "rolled back"
        if kind == "recovered" or event.get("trouble") == "none":
            return "healthy"
        if kind in ("watch", "act", "stop"):
            return str(event["trouble"])
    return str(stats[-1].get("health", "")) if stats else ""
