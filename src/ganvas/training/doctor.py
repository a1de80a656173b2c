"""Explains a run to a beginner: what happened, when, the evidence, and what to do about it."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ganvas.core.errors import ConfigError
from ganvas.losses.adversarial import ADVERSARIAL
from ganvas.runs.folder import RunFolder
from ganvas.training.advice import command_with, remedy
from ganvas.training.config import TrainConfig
from ganvas.training.troubles import TROUBLES, UNSEEN, word

Verdict = Literal["healthy", "recovered", "troubled", "stopped", "too young", "not watched"]
Line = Mapping[str, Any]

YOUNG_TICKS = 8
"""Lines of stats without which nothing can be said."""
WORSE = 0.2
"""KID above the best one by this part of it counts as worse, not as chance."""
BETTER = 0.1
"""KID below that of the snapshot before by this part of it counts as progress."""
DATA = {
    "blank pictures": "nearly all pictures are of one flat colour",
    "one-image pictures": "nearly all pictures are the same one",
}
"""Faults of the real pictures, found before the first step."""
FRIENDLY = {
    "accuracy": "D is right about {:.0%} of all pictures",
    "blank": "{:.0%} of the made pictures are blank",
    "diversity_features": "made pictures differ {:.2f} times as much as real ones, to D's eye",
    "clipped": "{:.0%} more of the values in made pictures than in real ones are the extreme ones",
    "diversity_pixels": "made pictures differ {:.2f} times as much as real ones",
    "duplicates": "{:.0%} of the pairs of made pictures are nearly the same",
    "gap": "D's loss is {:.0%} below that of a D which only guesses",
    "overfit": "D trusts unseen real pictures {:.0%} less than those it learns from",
    "pair_accuracy": "D scores the real one of a pair higher in {:.0%} of all pairs",
    "surprise_d": "D's gradient is {:.1f} powers of ten above its usual length",
    "surprise_g": "G's gradient is {:.1f} powers of ten above its usual length",
}
"""Evidence in words."""


@dataclass(frozen=True)
class Finding:
    """One trouble: when it came, how one knows, what was done, how it ended, what helps."""

    trouble: str
    nimg: int
    sentence: str
    evidence: tuple[str, ...]
    actions: tuple[str, ...]
    """What the guard did, in order."""
    over_nimg: int | None
    """When it was over; None: it was not, as far as the run goes."""
    command: str | None
    """A new run with the remedy; None where no setting helps."""


@dataclass(frozen=True)
class Diagnosis:
    """What `ganvas doctor` says."""

    run: str
    nimg: int
    total_nimg: int
    verdict: Verdict
    headline: str
    findings: tuple[Finding, ...]
    losses: str
    """How the losses should be read."""
    pictures: str
    """What the scores of the pictures say."""
    advice: str
    """The next thing to type or to do."""


def diagnose(run: RunFolder) -> Diagnosis:
    """Read a finished or a live run. Raises RunError when it is none."""
    config = TrainConfig.from_dict(run.config)
    plan = run.environment.get("plan", {})
    stats, events, metrics = run.stats(), run.events(), run.metrics()
    nimg = stats[-1]["nimg"] if stats else 0
    total: int = plan.get("total_nimg", nimg)
    findings = find(events, run, config)
    verdict = _verdict(findings, events, stats, config)
    return Diagnosis(
        run=str(run.path),
        nimg=nimg,
        total_nimg=total,
        verdict=verdict,
        headline=_headline(verdict, findings, config),
        findings=findings,
        losses=explain_losses(stats, config),
        pictures=explain_scores(metrics),
        advice=_advice(verdict, findings, metrics, run, config, is_done=nimg >= total),
    )


def find(events: Sequence[Line], run: RunFolder, config: TrainConfig) -> tuple[Finding, ...]:
    """Join events into troubles, each from its first sign to its end."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        trouble, kind = event.get("trouble"), event.get("kind")
        if kind == "data":
            trouble = f"{trouble} pictures"
        if trouble not in (*TROUBLES, *DATA, *UNSEEN):
            continue
        entry = found.setdefault(trouble, {"first": event, "actions": [], "over": None})
        entry["over"] = None
        if kind in ("recovered", "rollback"):
            # With the last trouble all are over: another one would have taken its place, and a
            # rollback leads to before them. What comes again is told again.
            end = event["nimg"] if kind == "recovered" else event["before"]["nimg"]
            for one in found.values():
                one["over"] = one["over"] or end
        if trouble == "too-slow":
            entry["over"] = event["nimg"]
        if kind in ("act", "rollback"):
            entry["actions"].append(f"{event['action']} (at {event['nimg']:,} images)")
        entry["evidence"] = event.get("evidence") or entry.get("evidence", {})
    return tuple(
        Finding(
            trouble=trouble,
            nimg=entry["first"]["nimg"],
            sentence=_sentence(trouble, entry["first"]),
            evidence=_in_words(entry["evidence"]),
            actions=tuple(entry["actions"]),
            over_nimg=entry["over"],
            command=_remedy_command(trouble, run, config),
        )
        for trouble, entry in found.items()
    )


def explain_losses(stats: Sequence[Line], config: TrainConfig) -> str:
    """Say where D's loss moves, and why it neither falls nor should."""
    if any("loss/reconstruction" in line for line in stats):
        return _explain_bound(stats)
    values = [line["loss/d"] for line in stats if line.get("loss/d") is not None]
    if len(values) < YOUNG_TICKS:
        return "There are too few numbers to say anything about the losses."
    recent = values[-max(YOUNG_TICKS, len(values) // 3) :]
    low, middle, high = min(recent), statistics.fmean(recent), max(recent)
    swing = f"D's loss moves between {low:.2f} and {high:.2f} around {middle:.2f}"
    ideal = ADVERSARIAL[config.loss.adversarial].ideal_d
    if not ideal:
        return f"{swing}. This loss has no level that could be good or bad; watch the pictures."
    share = middle / ideal
    meaning = (
        "so D is sure of itself; G hears little"
        if share < 0.1
        else "so D is worse than guessing"
        if share > 1.05
        else "so D sees what is wrong, and G still gets away with something"
    )
    return (
        f"{swing}; {ideal:.2f} is what a D gets that can only guess, {meaning}. The losses of a "
        "GAN do not fall: what one network gains the other loses. They should swing, as long as "
        "the pictures get better."
    )


def _explain_bound(stats: Sequence[Line]) -> str:
    first, last = stats[0], stats[-1]
    return (
        f"This is no game of two networks: one loss falls. Reconstruction went from "
        f"{first['loss/reconstruction']:.2f} to {last['loss/reconstruction']:.2f}, the price of "
        f"the code (KL) from {first['loss/kl']:.2f} to {last['loss/kl']:.2f}; their sum should "
        "fall and then level off."
    )


def explain_scores(metrics: Sequence[Line]) -> str:
    """Say what KID, and the share of real pictures that are matched, have done."""
    lines = [line for line in metrics if line.get("metric/kid_vgg19") is not None]
    if not lines:
        return "The pictures have not been scored yet; `ganvas evaluate` does that."
    best = min(lines, key=lambda line: line["metric/kid_vgg19"])
    last = lines[-1]
    said = (
        f"The distance to the real pictures (KID, lower is better) is {_kid(last)} at "
        f"{last['nimg']:,} images; real pictures among themselves score "
        f"{last['metric/kid_vgg19_floor']:.2f}."
    )
    if _kid_value(last) - _kid_value(best) > WORSE * abs(_kid_value(best)):
        said += (
            f" It was best, {_kid(best)}, at {best['nimg']:,} images: that snapshot is in "
            "generator.safetensors."
        )
    elif len(lines) > 1:
        said += f" It began at {_kid(lines[0])}."
    coverage = last.get("metric/coverage_vgg19")
    if coverage is not None:
        said += f" {coverage:.0%} of the real pictures have a made one near them."
    return said


def _verdict(
    findings: Sequence[Finding],
    events: Sequence[Line],
    stats: Sequence[Line],
    config: TrainConfig,
) -> Verdict:
    stops = [event["nimg"] for event in events if event.get("kind") in ("stop", "data")]
    trained = stats[-1]["nimg"] if stats else 0
    if stops and stops[-1] >= trained:
        return "stopped"
    if any(finding.over_nimg is None for finding in findings):
        return "troubled"
    if findings:
        return "recovered"
    if len(stats) < YOUNG_TICKS:
        return "too young"
    if any(name.startswith("health/") for line in stats for name in line):
        return "healthy"
    return "not watched" if config.guard == "off" or "loss/d" not in stats[-1] else "too young"


def _headline(verdict: Verdict, findings: Sequence[Finding], config: TrainConfig) -> str:
    open_ones = [_name(f.trouble) for f in findings if f.over_nimg is None]
    past = [_name(f.trouble) for f in findings if f.over_nimg is not None]
    match verdict:
        case "healthy":
            return "This training is healthy."
        case "recovered":
            return f"This training had trouble ({', '.join(past)}) and has recovered."
        case "troubled":
            return f"This training is in trouble: {', '.join(open_ones)}."
        case "stopped":
            return f"This training was stopped: {', '.join(open_ones) or 'see below'}."
        case "too young":
            return "This training is too young for a diagnosis."
        case "not watched":
            reason = "the guard was off" if config.guard == "off" else "only a game of two needs it"
            return f"Nobody watched this training: {reason}. Judge it by its pictures."


def _advice(
    verdict: Verdict,
    findings: Sequence[Finding],
    metrics: Sequence[Line],
    run: RunFolder,
    config: TrainConfig,
    *,
    is_done: bool,
) -> str:
    worst = next((f for f in findings if f.over_nimg is None), None)
    if worst is not None and worst.trouble in DATA:
        return f"Look at the pictures first: ganvas inspect {config.images}"
    if worst is not None and worst.command is not None:
        return f"Try: {worst.command}"
    if worst is not None:
        return "No setting helps here: look for the mistake in the recipe or the loss."
    if verdict == "too young" or not is_done:
        return "Let it go on; ask again after some more ticks."
    kids = [_kid_value(line) for line in metrics if line.get("metric/kid_vgg19") is not None]
    if len(kids) > 1 and kids[-1] <= min(kids) and kids[-2] - kids[-1] > BETTER * abs(kids[-2]):
        longer = (
            f"--kimg {2 * config.kimg:g}" if config.kimg else f"--minutes {2 * config.minutes:g}"  # type: ignore[operator]
        )
        return (
            "It was still getting better at its end. Twice as long goes on from here: "
            f"ganvas train {config.images} --config {run.path / 'config.json'} {longer}"
        )
    return f"Enjoy it: ganvas generate {run.path} -o pictures --grid"


def _remedy_command(trouble: str, run: RunFolder, config: TrainConfig) -> str | None:
    changes = {} if trouble in DATA else remedy(trouble, config)
    if not changes:
        return None
    try:
        return command_with(run.path, config, changes)
    except ConfigError:
        return None


def _sentence(trouble: str, event: Line) -> str:
    if trouble in TROUBLES:
        return TROUBLES[trouble].sentence
    return str(event.get("sentence", ""))


def _name(trouble: str) -> str:
    return DATA.get(trouble) or word(trouble)


def _in_words(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        FRIENDLY[name].format(value)
        for name, value in evidence.items()
        if name in FRIENDLY and value is not None
    )


def _kid(line: Line) -> str:
    spread = line.get("metric/kid_vgg19_std")
    value = f"{_kid_value(line):.2f}"
    return value if spread is None else f"{value} ± {spread:.2f}"


def _kid_value(line: Line) -> float:
    value: float = line["metric/kid_vgg19"]
    return value
