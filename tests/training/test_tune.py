"""Tuning: the preset first, valid settings, the best one kept, the same call goes on."""

import json
import math
from pathlib import Path

import pytest

from ganvas.cli.main import main
from ganvas.core.config import replace
from ganvas.data.store import prepare
from ganvas.training import presets, tune
from ganvas.training.config import TrainConfig
from ganvas.training.engine import start_engine
from ganvas.training.evaluation import Evaluator
from ganvas.training.presets import Facts

optuna = pytest.importorskip("optuna")


@pytest.fixture
def config() -> TrainConfig:
    return presets.resolve(
        "builtin:digits", Facts(num_images=5000, channels=1, native_px=16), resolution=16
    )


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[TrainConfig]:
    """Instead of training: a score that says how far the rate is from 1e-3."""
    tried: list[TrainConfig] = []

    def train(trial, config, *others):
        tried.append(config)
        return (abs(math.log(config.optim.lr_g / 1e-3)), "") if len(tried) != 2 else (None, "bad")

    monkeypatch.setattr(tune, "_train", train)
    monkeypatch.setattr(tune, "Evaluator", lambda *args, **kwargs: None)
    return tried


def take(config: TrainConfig, journal: Path, num: int) -> list[tune.Tried]:
    steps = tune.tune_steps(config, minutes=10, journal=journal)
    return [next(steps) for _ in range(num)]


def test_the_first_trial_is_the_preset_and_the_best_one_is_kept(
    config: TrainConfig, trials: list[TrainConfig], tmp_path: Path
) -> None:
    found = take(config, tmp_path / "a.trials", 12)
    assert trials[0].to_dict() == config.to_dict() | {"guard": "warn"}
    assert (found[1].score, found[1].reason) == (None, "bad")
    scores = [(one.score, k) for k, one in enumerate(found) if one.score is not None]
    best = trials[min(scores)[1]]
    assert found[-1].best.optim == best.optim
    assert found[-1].best.loss == best.loss
    assert found[-1].best.minutes == config.minutes
    assert found[-1].best_score == min(scores)[0] < scores[0][0]


def test_the_same_call_goes_on(
    config: TrainConfig, trials: list[TrainConfig], tmp_path: Path
) -> None:
    first = take(config, tmp_path / "a.trials", 3)
    again = take(config, tmp_path / "a.trials", 1)
    assert again[0].number == 3
    assert again[0].best_score <= first[-1].best_score
    assert take(config, tmp_path / "b.trials", 1)[0].number == 0


def test_scores_of_other_pictures_or_settings_are_not_gone_on_from(
    config: TrainConfig, trials: list[TrainConfig], tmp_path: Path
) -> None:
    journal = tmp_path / "a.trials"
    take(config, journal, 3)
    softer = replace(config, ema=replace(config.ema, ramp=0.1))
    assert take(softer, journal, 1)[0].number == 0
    assert take(replace(config, images="builtin:emoji"), journal, 1)[0].number == 0
    assert take(replace(config, minutes=99.0), journal, 1)[0].number == 3


def test_a_trial_is_as_long_as_the_mean_speed_over_its_schedule_allows(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "measure_speed", lambda *args, **options: config.batch_size * 0.3)
    monkeypatch.setattr(tune, "LOOKS", 1)
    looked = []

    def train(limited, *args, **options):
        looked.append(limited.kimg)
        return iter(())

    monkeypatch.setattr(tune, "train_steps", train)
    engine = start_engine("cpu", batch_size=config.batch_size)
    store = prepare(config.images, config.data)
    unused = Evaluator.__new__(Evaluator)
    tune._train(None, config, store, engine, unused, 10.0, lambda: False)
    assert looked == [pytest.approx(config.batch_size * 3 / 1000)]


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_can_be_varied(name: str) -> None:
    facts = Facts(num_images=5000, channels=1, native_px=32)
    config = presets.resolve("builtin:digits", facts, preset=name)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        changes = tune.propose(study.ask(), config)
        varied = TrainConfig.from_dict(tune.merge(config.to_dict(), changes))
        assert 0.19 < varied.optim.lr_g / config.optim.lr_g < 4.01
        assert ("loss" in changes) == bool(config.loss.penalties)
        assert varied.augment.p <= 0.8 or "augment" not in changes


@pytest.mark.slow
def test_a_short_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(tune, "LEAST_SECONDS", 4.0)
    monkeypatch.setattr(tune, "PICTURES", 32)
    out = tmp_path / "preset.json"
    command = ["tune", "builtin:digits", "--minutes", "0.3", "--resolution", "16", "-o", str(out)]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "trial 0" in shown
    assert TrainConfig.from_dict(json.loads(out.read_text())).data.resolution == 16
    assert main(["train", "builtin:digits", "--config", str(out), "--dry-run"]) == 0


def test_without_optuna_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    out = tmp_path / "preset.json"
    assert main(["tune", "builtin:digits", "--minutes", "1", "-o", str(out)]) == 2
    assert "pip install 'ganvas[tune]'" in capsys.readouterr().err
