"""Trainings broken on purpose are recognised for what they are; healthy ones are left in peace."""

import dataclasses

import pytest

from ganvas.core.config import merge, replace
from ganvas.core.errors import HopelessError
from ganvas.data.config import DataConfig
from ganvas.data.store import prepare
from ganvas.losses.adversarial import ADVERSARIAL
from ganvas.runs.folder import RunFolder
from ganvas.training import guard
from ganvas.training.loop import train_steps
from ganvas.training.presets import Facts, resolve
from ganvas.training.session import session_steps

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DIGITS = DataConfig(resolution=16, channels=1)


@pytest.fixture
def digits(tmp_path, monkeypatch):
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    return prepare("builtin:digits", DIGITS)


class Some:
    """The first `num` pictures of a set."""

    num_classes = 0

    def __init__(self, source, num):
        self.channels, self.resolution = source.channels, source.resolution
        self._source, self._num = source, num

    def __len__(self):
        return self._num

    def batch(self, indices):
        return self._source.batch(indices)


def configure(changes, kimg=16.0):
    """The default preset at 16 px."""
    base = {
        "data": DIGITS.to_dict(),
        "minutes": None,
        "kimg": kimg,
        "precision": "fp32",
        "device": "cpu",
        "run": {"evaluate_images": 0, "sample_seeds": 4},
    }
    return resolve("builtin:digits", Facts(2000, 1, 16), overrides=merge(base, changes))


def decisions(changes, source, kimg=16.0):
    """Train until the guard does something, or to the end; without files it cannot go back."""
    made = []
    for report in train_steps(configure(changes, kimg), source):
        if report.decision is not None:
            made.append(report.decision)
            if report.decision.kind in ("act", "rollback", "stop"):
                break
    return made


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"seed": 3},
        {"recipe": "standard", "loss": {"adversarial": "hinge"}},
        {"recipe": "standard", "loss": {"adversarial": "lsgan"}},
        {"loss": {"adversarial": "relativistic", "penalties": ["r1", "r2"]}},
        # D's loss is bounded by its own architecture here: a missing penalty is no failure yet.
        {"loss": {"gamma": 0.0, "gamma_end": 0.0}},
    ],
    ids=["default", "another seed", "hinge", "lsgan", "relativistic", "gamma 0"],
)
def test_a_healthy_training_hears_nothing(changes, digits):
    assert decisions(changes, digits) == []


def test_a_d_that_learns_far_too_fast_is_slowed_down(digits):
    """No snapshot is there to go back to. What breaks first differs with the processor."""
    *_, last = decisions({"optim": {"lr_d": 0.2}}, digits, kimg=24.0)
    assert last.kind == "act"
    assert last.trouble in ("diverging", "exploding")
    assert last.after["rate_d"] == pytest.approx(0.01), "the rate of the preset"


def test_a_rate_of_d_far_above_the_presets_is_brought_back_to_it(digits, tmp_path):
    config = configure({"optim": {"lr_d": 0.2}}, 24.0)
    list(session_steps(config, root=tmp_path / "runs"))
    (run,) = RunFolder.all(tmp_path / "runs")
    (line,) = (line for line in run.events() if line["kind"] in ("act", "rollback", "stop"))
    assert line["kind"] == "rollback"
    assert line["trouble"] in ("diverging", "exploding")
    assert (line["after"]["rate"], line["after"]["rate_d"]) == (1, pytest.approx(0.01))
    assert run.stats()[-1]["health"] == "healthy"


def test_a_d_that_hardly_learns_is_called_weak(digits):
    made = decisions({"optim": {"lr_d": 1e-6}}, digits)
    assert (made[-1].kind, made[-1].trouble) == ("act", "d-too-weak")
    assert made[-1].after["rate_d"] == pytest.approx(2000), "back to the rate of the preset"


@pytest.mark.parametrize("num", [20, 120])
def test_few_pictures_without_augmentation_are_memorised(num, digits):
    changes = {"augment": {"operations": []}, "loss": {"gamma": 1.0, "gamma_end": 1.0}}
    *_, last = decisions(changes, Some(digits, num), kimg=24.0)
    assert (last.kind, last.trouble) == ("act", "memorising")
    assert "rate_d" in last.after, "nothing can be augmented, so D is slowed down"


def test_memorised_pictures_are_augmented_more(digits):
    changes = {"augment": {"p": 0.0}, "loss": {"gamma": 1.0, "gamma_end": 1.0}}
    *_, last = decisions(changes, Some(digits, 120), kimg=24.0)
    assert (last.trouble, last.before, last.after["p"]) == (
        "memorising",
        {"p": 0.0},
        pytest.approx(0.1),
    )


@pytest.mark.parametrize("adversarial", ["bce", "relativistic"])
def test_exchanged_labels_are_recognised(adversarial, digits, monkeypatch):
    row = ADVERSARIAL[adversarial]
    flipped = dataclasses.replace(row, d=lambda real, fake, soft: row.d(fake, real, soft))
    monkeypatch.setitem(ADVERSARIAL, adversarial, flipped)
    made = decisions({"loss": {"adversarial": adversarial}}, digits)
    assert (made[-1].kind, made[-1].trouble) == ("stop", "labels-flipped")


def test_exploding_rates_are_brought_back_to_those_that_were_tried(digits, tmp_path):
    """250 times the usual rates; the preset knows better ones."""
    config = configure({"optim": {"lr_g": 0.5, "lr_d": 0.5}, "augment": {"operations": []}}, 40.0)
    list(session_steps(config, root=tmp_path / "runs"))
    (run,) = RunFolder.all(tmp_path / "runs")
    assert "250 times" in run.events()[0]["sentence"]
    (line,) = (line for line in run.events() if line["kind"] in ("rollback", "stop"))
    assert line["trouble"] in {"blank", "off-scale", "collapse", "exploding", "diverging"}
    assert line["after"]["rate"] == pytest.approx(1 / 250)
    assert run.stats()[-1]["health"] == "healthy"


def test_exploding_rates_that_are_not_mended_end_with_a_command(digits, tmp_path, monkeypatch):
    """Where no preset knows better, one rollback does not help so far."""
    monkeypatch.setattr(guard, "MOST_ROLLBACKS", 1)
    config = configure({"optim": {"lr_g": 0.5, "lr_d": 0.5}, "augment": {"operations": []}}, 40.0)
    config = replace(config, preset="custom")
    with pytest.raises(HopelessError, match=r"Start anew with: ganvas train builtin:digits"):
        list(session_steps(config, root=tmp_path / "runs"))
    (run,) = RunFolder.all(tmp_path / "runs")
    lines = [line for line in run.events() if line["kind"] in ("rollback", "stop")]
    assert [line["kind"] for line in lines] == ["rollback", "stop"]
    named = {"blank", "off-scale", "collapse", "exploding", "diverging"}
    assert {line["trouble"] for line in lines} <= named
    assert lines[0]["after"]["rate"] == 0.5
