"""Looks for settings that suit one's pictures: many short trainings, the bad ones ended early."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganvas.core.config import merge, replace
from ganvas.core.errors import ConfigError, GanvasError
from ganvas.data.store import Store, prepare
from ganvas.training.config import TrainConfig
from ganvas.training.engine import Engine, start_engine
from ganvas.training.evaluation import REALS_IN_TRAINING, Evaluator
from ganvas.training.loop import measure_speed, new_state, train_steps
from ganvas.training.resume import comparable

if TYPE_CHECKING:
    from optuna import Trial

TRIALS = 12
"""How many trainings of full length the minutes are meant for; ended ones make room for more."""
LEAST_SECONDS = 30.0
"""Shorter trainings say nothing about longer ones."""
LOOKS = 3
"""Scores in a training; it is ended where it does worse than the median did there."""
PICTURES = 300
"""Made pictures in a score."""
HOPELESS = ("labels-flipped", "blank", "off-scale", "collapse", "non-finite")
"""Troubles of the guard that end a training."""


@dataclass(frozen=True)
class Tried:
    """What became of one training."""

    number: int
    changes: dict[str, Any]
    """What it did otherwise than the preset, as it would stand in config.json."""
    score: float | None
    """KID of its pictures at the end, lower is better; None: it was ended."""
    reason: str
    """Why it was ended; empty when it was not."""
    best: TrainConfig
    """The best configuration so far, with the length of the one given."""
    best_score: float | None


def tune_steps(
    config: TrainConfig,
    *,
    minutes: float,
    journal: Path,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Tried]:
    """Vary rates, penalty, augmentation and batch of `config` for `minutes`; yield each trial.

    The first trial is `config` itself, further ones are drawn by Optuna's TPE (Bergstra et al.
    2011). All are kept in the file `journal`, from which the same call goes on; other pictures or
    settings begin anew in it. Raises ConfigError when Optuna is missing.
    """
    optuna = _optuna()
    store = prepare(config.images, config.data)
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(journal))
    )
    study = optuna.create_study(
        storage=storage,
        study_name=_study_name(config, store),
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=config.seed, n_startup_trials=4),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2),
    )
    if not study.trials:
        study.enqueue_trial(dict.fromkeys(_factors(config), 1.0) | {"batch": config.batch_size})
    seconds = max(LEAST_SECONDS, 60 * minutes / TRIALS)
    engine = start_engine(config.device, batch_size=config.batch_size, unit=config.unit)
    evaluator = Evaluator(store, engine.device, num_reals=REALS_IN_TRAINING)
    # The pictures are prepared and looked at: from here on the minutes count.
    end = time.monotonic() + 60 * minutes
    while time.monotonic() + seconds / 2 < end and not should_stop():
        trial = study.ask()
        changes = propose(trial, config)
        tried = replace(TrainConfig.from_dict(merge(config.to_dict(), changes)), guard="warn")
        score, reason = _train(trial, tried, store, engine, evaluator, seconds, should_stop)
        if should_stop():
            return
        study.tell(
            trial, score, state=None if score is not None else optuna.trial.TrialState.PRUNED
        )
        finished = [t for t in study.trials if t.value is not None]
        best = min(finished, key=lambda t: t.value) if finished else None
        best_config = config
        if best is not None:
            best_changes = propose(optuna.trial.FixedTrial(best.params), config)
            best_config = TrainConfig.from_dict(merge(config.to_dict(), best_changes))
        best_score = None if best is None else best.value
        yield Tried(trial.number, changes, score, reason, best_config, best_score)


def propose(trial: "Trial", config: TrainConfig) -> dict[str, Any]:
    """Draw what one trial does otherwise, as factors of the settings in `config`."""
    factors = {
        name: trial.suggest_float(name, low, high, log=True)
        for name, (low, high) in _factors(config).items()
    }
    batches = sorted({config.batch_size, *(b for b in (8, 16, 32, 64) if _fits(config, b))})
    optim, loss, augment = config.optim, config.loss, config.augment
    changes: dict[str, Any] = {
        "batch_size": trial.suggest_categorical("batch", batches),
        "optim": {
            "lr_g": min(1.0, optim.lr_g * factors["rate"]),
            "lr_d": min(1.0, optim.lr_d * factors["rate"] * factors["rate_d"]),
        },
    }
    if "gamma" in factors:
        changes["loss"] = {
            "gamma": loss.gamma * factors["gamma"],
            "gamma_end": loss.gamma_end * factors["gamma"],
        }
    if "p" in factors:
        changes["augment"] = {"p": min(0.8, augment.p * factors["p"])}
    return changes


def _study_name(config: TrainConfig, store: Store) -> str:
    """Scores of other pictures or settings are no guide, so each has a study of its own."""
    told = json.dumps([comparable(config), store.fingerprint], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _factors(config: TrainConfig) -> dict[str, tuple[float, float]]:
    """How far each setting may move, where it is in use."""
    found = {"rate": (0.2, 4.0), "rate_d": (0.5, 2.0)}
    if config.loss.penalties and config.loss.gamma > 0:
        found["gamma"] = (0.1, 10.0)
    if config.augment.operations and config.augment.p > 0:
        found["p"] = (0.25, 1.35)
    return found


def _fits(config: TrainConfig, batch_size: int) -> bool:
    try:
        replace(config, batch_size=batch_size)
    except ConfigError:
        return False
    return True


def _train(
    trial: "Trial",
    config: TrainConfig,
    store: Store,
    engine: Engine,
    evaluator: Evaluator,
    seconds: float,
    should_stop: Callable[[], bool],
) -> tuple[float | None, str]:
    """Train for about `seconds`; return the score, or why it was ended."""
    trial_state = new_state(config, store, engine)
    speed = measure_speed(config, store, trial_state, engine, seconds=0.04 * seconds)
    total_nimg = speed * seconds
    limited = replace(config, kimg=total_nimg / 1000, minutes=None)
    looks = 0
    score = None
    try:
        for report in train_steps(limited, store, engine=engine):
            if should_stop():
                return None, "stopped"
            if report.decision is not None and report.decision.trouble in HOPELESS:
                return None, report.decision.sentence
            if report.nimg < (looks + 1) * total_nimg / LOOKS:
                continue
            looks += 1
            report.state.settle()
            score = evaluator.score(report.state.G_ema, num=PICTURES)["metric/kid_vgg19"]
            trial.report(score, looks)
            if looks < LOOKS and trial.should_prune():
                return None, f"no better than the others after {looks} of {LOOKS} parts"
    except GanvasError as error:
        return None, str(error)
    return score, ""


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ConfigError(
            "ganvas tune needs Optuna, which is not installed: pip install 'ganvas[tune]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
