"""The doctor on runs that were written by hand: verdicts, words, and commands that can be typed."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.cli.main import main
from ganvas.core.config import replace
from ganvas.runs.folder import RunFolder
from ganvas.training import presets
from ganvas.training.chart import draw_chart
from ganvas.training.config import TrainConfig
from ganvas.training.doctor import Diagnosis, diagnose, explain_losses, explain_scores
from ganvas.training.presets import Facts
from ganvas.training.troubles import TROUBLES, last_standing


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    config = presets.resolve("builtin:digits", Facts(num_images=5000, channels=1, native_px=32))
    folder = RunFolder.create(tmp_path, None, "digits")
    folder.write_config(config.to_dict())
    folder.write_environment({"plan": {"total_nimg": 10_000}})
    for nimg in range(1000, 11_000, 1000):
        folder.append_stats({"nimg": nimg, "loss/d": 0.9, "loss/g": 1.0, "health/overfit": 0.1})
    return folder


def tell(run: RunFolder, nimg: int, kind: str, trouble: str, action: str = "") -> None:
    signals = dict.fromkeys(TROUBLES[trouble].signals, 0.5) if trouble in TROUBLES else {}
    line = {"kind": kind, "trouble": trouble, "action": action, "evidence": signals}
    run.append_events({"nimg": nimg, "sentence": f"It is {trouble}."} | line)


def score(run: RunFolder, nimg: int, kid: float) -> None:
    run.append_metrics(
        {
            "nimg": nimg,
            "metric/kid_vgg19": kid,
            "metric/kid_vgg19_std": 0.1,
            "metric/kid_vgg19_floor": 0.05,
        }
    )


def test_a_run_without_events_is_healthy(run: RunFolder) -> None:
    found = diagnose(run)
    assert (found.verdict, found.findings) == ("healthy", ())
    assert found.nimg == found.total_nimg == 10_000
    assert "between 0.90 and 0.90" in found.losses
    assert "1.39 is what a D gets that can only guess" in found.losses


def test_a_young_run_gets_no_diagnosis(tmp_path: Path, run: RunFolder) -> None:
    run.cut_after(3000)
    found = diagnose(run)
    assert found.verdict == "too young"
    assert "Let it go on" in found.advice


def test_what_was_mended_is_told_with_its_end(run: RunFolder) -> None:
    tell(run, 2000, "watch", "d-too-strong")
    tell(run, 3000, "act", "d-too-strong", "D learns more slowly")
    tell(run, 5000, "recovered", "d-too-strong")
    found = diagnose(run)
    assert found.verdict == "recovered"
    (finding,) = found.findings
    assert (finding.nimg, finding.over_nimg) == (2000, 5000)
    assert finding.actions == ("D learns more slowly (at 3,000 images)",)
    assert "D's loss is 50% below that of a D which only guesses" in finding.evidence


def test_an_all_clear_ends_all_that_was_seen_before(run: RunFolder) -> None:
    tell(run, 2000, "watch", "d-too-strong")
    tell(run, 3000, "watch", "collapse")
    tell(run, 5000, "recovered", "collapse")
    found = diagnose(run)
    assert found.verdict == "recovered"
    assert [one.over_nimg for one in found.findings] == [5000, 5000]


def test_what_a_rollback_left_behind_is_over_until_it_comes_again(run: RunFolder) -> None:
    tell(run, 4000, "watch", "exploding")
    tell(run, 5000, "watch", "blank")
    back = {"trouble": "blank", "action": "back", "before": {"nimg": 6000}}
    run.append_events({"nimg": 2000, "kind": "rollback", "sentence": "Back."} | back)
    found = diagnose(run)
    assert found.verdict == "recovered"
    assert [one.over_nimg for one in found.findings] == [6000, 6000]
    tell(run, 7000, "watch", "exploding")
    assert [one.over_nimg for one in diagnose(run).findings] == [None, 6000]


def test_rates_raised_at_the_start_are_told_and_over(run: RunFolder) -> None:
    tell(run, 0, "act", "too-slow", "both learn faster")
    found = diagnose(run)
    assert (found.verdict, found.headline) == (
        "recovered",
        "This training had trouble (rates too low) and has recovered.",
    )
    assert found.findings[0].over_nimg == 0


@pytest.mark.parametrize("trouble", [*TROUBLES, "non-finite"])
def test_every_open_trouble_is_said_and_its_command_can_be_typed(
    run: RunFolder, trouble: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(run, 2000, "watch", trouble)
    found = diagnose(run)
    assert found.verdict == "troubled"
    (finding,) = found.findings
    assert finding.over_nimg is None
    if trouble in TROUBLES:
        assert len(finding.evidence) == len(set(TROUBLES[trouble].signals) & known_signals())
        assert finding.evidence
    if trouble == "labels-flipped":
        assert finding.command is None
        assert "look for the mistake" in found.advice
        return
    assert finding.command is not None
    assert finding.command in found.advice
    assert main([*shlex.split(finding.command)[1:], "--dry-run"]) == 0
    capsys.readouterr()


def known_signals() -> set[str]:
    from ganvas.training.doctor import FRIENDLY

    return set(FRIENDLY)


@pytest.mark.parametrize(("kind", "trouble"), [("stop", "collapse"), ("data", "one-image")])
def test_a_stop_is_the_verdict(run: RunFolder, kind: str, trouble: str) -> None:
    tell(run, 10_000, kind, trouble)
    found = diagnose(run)
    assert found.verdict == "stopped"
    assert found.headline.endswith("collapsed." if kind == "stop" else "are the same one.")
    assert ("ganvas inspect" in found.advice) == (kind == "data")


def test_what_went_on_after_a_stop_is_not_stopped(run: RunFolder) -> None:
    tell(run, 0, "data", "one-image")
    assert diagnose(run).verdict == "troubled"


def test_scores_in_words(run: RunFolder) -> None:
    assert "not been scored" in explain_scores([])
    score(run, 4000, 3.0)
    score(run, 8000, 5.0)
    said = explain_scores(run.metrics())
    assert "5.00 ± 0.10 at 8,000 images" in said
    assert "best, 3.00 ± 0.10, at 4,000 images" in said
    assert diagnose(run).advice.startswith("Enjoy it")


def test_what_was_still_getting_better_should_go_on(run: RunFolder) -> None:
    score(run, 5000, 9.0)
    score(run, 10_000, 4.0)
    advice = diagnose(run).advice
    assert "still getting better" in advice
    assert "--minutes 20" in advice


@pytest.mark.parametrize(
    ("kids", "is_worse", "goes_on"),
    [
        ((0.5, -0.1), False, True),
        ((-0.1, -0.5), False, True),
        ((-0.5, -0.1), True, False),
        ((-0.5, -0.45), False, False),
        ((-0.5, -0.5), False, False),
    ],
)
def test_a_kid_below_zero_is_compared_as_well(
    run: RunFolder, kids: tuple[float, ...], is_worse: bool, goes_on: bool
) -> None:
    for number, kid in enumerate(kids, start=1):
        score(run, 5000 * number, kid)
    assert ("It was best" in explain_scores(run.metrics())) == is_worse
    assert ("still getting better" in diagnose(run).advice) == goes_on


def test_a_run_that_nobody_watched_is_not_called_healthy(run: RunFolder) -> None:
    config = TrainConfig.from_dict(run.config)
    run.write_config(replace(config, guard="off").to_dict())
    lines = [{k: v for k, v in line.items() if "health" not in k} for line in run.stats()]
    run.cut_after(0)
    for line in lines:
        run.append_stats(line)
    found = diagnose(run)
    assert found.verdict == "not watched"
    assert "the guard was off" in found.headline
    run.write_config(config.to_dict())
    assert diagnose(run).verdict == "too young", "its first check is still to come"


def test_a_vae_is_explained_as_one_loss_that_falls(run: RunFolder) -> None:
    run.cut_after(0)
    for nimg in range(1000, 11_000, 1000):
        line = {"loss/reconstruction": 9.0 - nimg / 2000, "loss/kl": 1 + nimg / 10_000}
        run.append_stats({"nimg": nimg} | line)
    found = diagnose(run)
    assert found.verdict == "not watched"
    assert "the guard was off" not in found.headline
    assert "from 8.50 to 4.00" in found.losses
    assert "from 1.10 to 2.00" in found.losses


def test_losses_without_a_level_are_not_judged(run: RunFolder) -> None:
    wanted = {"loss": {"adversarial": "wgan", "penalties": ["wgan-gp"]}, "recipe": "standard"}
    facts = Facts(num_images=5000, channels=1, native_px=32)
    config = presets.resolve("builtin:digits", facts, overrides=wanted)
    assert "no level that could be good or bad" in explain_losses(run.stats(), config)


def test_a_chart_of_any_run(tmp_path: Path, run: RunFolder) -> None:
    draw_chart(run, tmp_path / "plain.png")
    tell(run, 2000, "watch", "collapse")
    score(run, 5000, 9.0)
    Image.new("RGB", (256, 256), "red").save(run.path / "samples" / "000001kimg.png")
    draw_chart(run, tmp_path / "full.png")
    with Image.open(tmp_path / "plain.png") as plain, Image.open(tmp_path / "full.png") as full:
        assert plain.size == full.size == (1000, 1000)
        pixels = np.asarray(full.convert("RGB"))
    reds = (pixels == (255, 0, 0)).all(axis=2).sum()
    assert reds > 1000


def test_the_command(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    tell(run, 2000, "watch", "memorising")
    assert main(["doctor", str(run.path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "troubled"
    assert Path(found["picture"]).is_file()
    assert set(found) == {*Diagnosis.__dataclass_fields__, "picture"}
    assert main(["doctor", str(run.path)]) == 0
    shown = capsys.readouterr().out
    assert "This training is in trouble: D memorises." in shown
    assert "--augment.p 0.8" in shown


def test_how_a_run_is_doing_is_what_the_guard_said_last(run):
    def said() -> str:
        return last_standing(run.stats(), run.events())

    assert said() == ""
    run.append_stats({"nimg": 11_000, "health": "starting"})
    tell(run, 10_500, "watch", "collapse")
    assert said() == "starting"
    run.append_events({"nimg": 11_500, "kind": "note", "sentence": "The disk is full."})
    assert said() == "starting"
    for kind, trouble, standing in (
        ("watch", "memorising", "memorising"),
        ("act", "memorising", "memorising"),
        ("recovered", "memorising", "healthy"),
        ("act", "none", "healthy"),
        ("stop", "non-finite", "non-finite"),
    ):
        tell(run, 12_000, kind, trouble)
        assert said() == standing
    run.append_stats({"nimg": 12_000, "health": "healthy"})
    assert said() == "healthy"
    tell(run, 12_000, "rollback", "collapse")
    assert said() == "rolled back"
