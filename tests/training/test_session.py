"""A training with its run folder: going on, saying so, surviving stops and full disks."""

import json
import shlex
import shutil
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

import ganvas
from ganvas.core.config import replace
from ganvas.core.errors import DataError, DivergedError, RunError
from ganvas.runs.folder import RunFolder
from ganvas.training.evaluation import Evaluator
from ganvas.training.events import (
    Evaluated,
    Finished,
    Noted,
    Snapshotted,
    Started,
    Stepped,
    Ticked,
)
from ganvas.training.session import session_steps
from ganvas.training.sitting import Sitting


@pytest.fixture(autouse=True)
def _quiet(monkeypatch, tmp_path):
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
    # TensorBoard's writer is slow to start and warns; what it is given is in stats.jsonl too.
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    # The pictures here are few; what is said of that has a test of its own.
    monkeypatch.setattr("ganvas.training.session.VERY_FEW", 0)


@pytest.fixture
def folder(tmp_path):
    drawn = np.random.default_rng(1)
    path = tmp_path / "photos"
    path.mkdir()
    for number in range(20):
        pixels = drawn.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path / f"{number}.png")
    return path


@pytest.fixture
def config(tiny, folder):
    made = tiny("resnet", {"run": {"snapshot_kimg": 0.016, "tick_kimg": 0.008}})
    return replace(made, images=str(folder), data={"resolution": 16})


def events_of(config, tmp_path, **options):
    return list(session_steps(config, root=tmp_path / "runs", **options))


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def after(num):
    """A `should_stop` that says yes from the n-th question on."""
    asked = iter(range(1_000_000))
    return lambda: next(asked) >= num - 1


def newest_state(run):
    metas = [
        (json.loads((p / "meta.json").read_text())["nimg"], p) for p in run.glob("checkpoints/0*")
    ]
    return (max(metas)[1] / "state.safetensors").read_bytes()


def test_a_run_leaves_what_the_contract_says(config, tmp_path):
    events = events_of(config, tmp_path)
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert (finished.nimg, finished.interrupted, finished.already) == (48, False, False)
    assert [e.nimg for e in of_kind(events, Stepped)] == [8, 16, 24, 32, 40, 48]
    assert [e.nimg for e in of_kind(events, Ticked)] == [8, 16, 24, 32, 40, 48]
    assert [e.nimg for e in of_kind(events, Snapshotted)] == [0, 16, 32, 48]
    run = finished.run
    assert run.name == "00001-photos-16"
    there = {path.name for path in run.iterdir()}
    assert there >= {
        "config.json",
        "environment.json",
        "stats.jsonl",
        "reals.png",
        "samples",
        "checkpoints",
        "generator.safetensors",
        "README.md",
    }
    stats = RunFolder.open(run).stats()
    assert [line["nimg"] for line in stats] == [8, 16, 24, 32, 40, 48]
    assert {"loss/d", "loss/g", "logits/real", "penalty/r1", "time/images_per_second"} <= set(
        stats[0]
    )
    assert {line["health"] for line in stats} == {"starting"}
    environment = RunFolder.open(run).environment
    assert environment["plan"]["total_nimg"] == 48
    assert environment["data"]["num_images"] == 20


def test_the_same_command_continues_and_ends_equal(config, tmp_path):
    whole = events_of(config, tmp_path, name="whole")[-1].run
    events = events_of(config, tmp_path, name="parts", should_stop=after(3))
    assert events[-1].interrupted
    assert events[-1].nimg == 24
    card = events[-1].run / "README.md"
    card.write_text(card.read_text().replace("Fill in:", "CC BY 4.0, once Fill in:"))
    events = events_of(config, tmp_path, name="parts")
    (started,) = of_kind(events, Started)
    assert (started.nimg, started.continued) == (24, True)
    run = events[-1].run
    assert newest_state(run) == newest_state(whole)
    assert [line["nimg"] for line in RunFolder.open(run).stats()] == [8, 16, 24, 32, 40, 48]
    assert "CC BY 4.0" in card.read_text()


def test_without_a_name_the_newest_unfinished_run_goes_on(config, tmp_path):
    first = events_of(config, tmp_path, should_stop=after(1))[-1].run
    again = events_of(config, tmp_path)[-1].run
    assert again == first


def test_a_folder_may_be_spelled_in_another_way(config, folder, tmp_path, monkeypatch):
    first = events_of(config, tmp_path, should_stop=after(1))[-1].run
    monkeypatch.chdir(folder.parent)
    assert events_of(replace(config, images="photos/"), tmp_path)[-1].run == first


def test_a_new_run_that_is_restarted_is_the_one_of_this_launch(config, tmp_path, monkeypatch):
    first = events_of(config, tmp_path, should_stop=after(1))[-1].run
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "ganvas-1")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    second = events_of(config, tmp_path, new=True, should_stop=after(1))[-1].run
    assert second != first, "it had not been made yet"
    assert events_of(config, tmp_path, new=True)[-1].run == second


def test_another_device_is_told_of(config, tmp_path):
    config = replace(config, precision="auto")
    run = RunFolder.open(events_of(config, tmp_path, should_stop=after(1))[-1].run)
    plan = run.environment["plan"] | {"precision": "bf16"}
    run.write_environment(run.environment | {"device": "cuda:0", "plan": plan})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganvas.training.plan.choose_precision", lambda device: "fp32")
        notes = of_kind(events_of(config, tmp_path), Noted)
    told = "not bit-equal, because it was computed on cuda:0 in bf16 and now is on cpu in fp32"
    assert [told in note.sentence for note in notes] == [True]
    assert run.environment["device"] == "cpu"
    assert run.environment["plan"]["precision"] == "fp32"


def test_a_finished_run_says_so(config, tmp_path):
    events_of(config, tmp_path)
    (only,) = events_of(config, tmp_path)
    assert only.already
    assert only.nimg == 48


def test_new_starts_afresh_and_other_settings_too(config, tmp_path):
    first = events_of(config, tmp_path)[-1].run
    second = events_of(config, tmp_path, new=True)[-1].run
    third = events_of(replace(config, seed=1), tmp_path)[-1].run
    assert [run.name[:5] for run in (first, second, third)] == ["00001", "00002", "00003"]


def test_a_larger_length_extends_a_finished_run(config, tmp_path):
    first = events_of(config, tmp_path)[-1].run
    events = events_of(replace(config, kimg=0.064), tmp_path)
    assert events[-1].run == first
    assert [e.nimg for e in of_kind(events, Stepped)] == [56, 64]
    plan = RunFolder.open(first).environment["plan"]
    assert (plan["total_nimg"], plan["schedule_nimg"]) == (64, 48)


def test_an_extended_run_that_is_killed_at_once_still_goes_on(config, tmp_path):
    events_of(config, tmp_path)
    longer = replace(config, kimg=0.064)
    steps = session_steps(longer, root=tmp_path / "runs")
    next(event for event in steps if isinstance(event, Started))
    shutil.copytree(tmp_path / "runs", tmp_path / "killed" / "runs")
    steps.close()
    events = events_of(longer, tmp_path / "killed")
    assert [e.nimg for e in of_kind(events, Stepped)] == [56, 64]


def test_a_named_run_with_other_settings_is_refused_by_name_of_the_setting(config, tmp_path):
    events_of(config, tmp_path, name="mine")
    with pytest.raises(RunError, match=r"seed is 0, not 5"):
        events_of(replace(config, seed=5), tmp_path, name="mine")


def test_changed_pictures_go_on_with_the_recorded_ones(config, folder, tmp_path):
    whole = events_of(config, tmp_path, name="whole")[-1].run
    events_of(config, tmp_path, new=True, should_stop=after(2))
    (folder / "0.png").unlink()
    events = events_of(config, tmp_path)
    (note,) = of_kind(events, Noted)
    assert "changed" in note.sentence
    assert newest_state(events[-1].run) == newest_state(whole)
    assert RunFolder.open(events[-1].run).events()[-1]["sentence"] == note.sentence


def test_closing_the_iterator_saves(config, tmp_path):
    steps = session_steps(config, root=tmp_path / "runs")
    for event in steps:
        if isinstance(event, Stepped) and event.nimg == 24:
            break
    steps.close()
    (started,) = of_kind(events_of(config, tmp_path), Started)
    assert started.nimg == 24


def test_a_full_disk_is_said_and_survived(config, tmp_path, monkeypatch):
    from ganvas.runs import checkpoint

    real_save, calls = checkpoint.save, []

    def full_once(*args, **kwargs):
        calls.append(args[1])
        if len(calls) == 1:
            raise RunError("runs/x cannot be written: No space left on device")
        return real_save(*args, **kwargs)

    monkeypatch.setattr(checkpoint, "save", full_once)
    events = events_of(config, tmp_path)
    assert any("No space left" in note.sentence for note in of_kind(events, Noted))
    assert calls == [0, 16, 32, 48]
    assert events[-1].nimg == 48


def test_a_full_disk_at_the_end_is_an_error(config, tmp_path, monkeypatch):
    from ganvas.runs import checkpoint

    def full(*_args, **_kwargs):
        raise RunError("runs/x cannot be written: No space left on device")

    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.raises(RunError, match="No space left"):
        events_of(config, tmp_path)


def poisoned_after(nimg, times, config, tmp_path):
    """Train, and make a weight NaN at some place whenever it is passed, `times` times at most."""
    steps = session_steps(config, root=tmp_path / "runs")
    for event in steps:
        yield event
        if isinstance(event, Stepped) and event.nimg == nimg and times:
            times -= 1
            next(_find(steps, Sitting).state.G.parameters()).data.fill_(float("nan"))


def test_numbers_that_are_not_finite_lead_back_to_the_healthy_snapshot(config, tmp_path):
    events = list(poisoned_after(24, 1, config, tmp_path))
    (note,) = of_kind(events, Noted)
    assert note.kind == "rollback"
    assert "not finite after 32 images" in note.sentence
    assert [e.nimg for e in of_kind(events, Stepped)] == [*range(8, 40, 8), *range(8, 56, 8)]
    run = RunFolder.open(events[-1].run)
    (line,) = run.events()
    assert (line["kind"], line["trouble"], line["nimg"]) == ("rollback", "non-finite", 0)
    assert list(line["evidence"].values()) == [None]
    assert (line["before"]["nimg"], line["after"]["rate"]) == (32, 0.5)
    assert [line["nimg"] for line in run.stats()] == list(range(8, 56, 8))
    meta = json.loads((run.path / "checkpoints" / "000000kimg-48" / "meta.json").read_text())
    assert (meta["meta"]["attempt"], meta["meta"]["guard"]["rollbacks"]) == (1, 1)


def test_a_rolled_back_run_that_is_stopped_ends_as_if_it_was_not(config, tmp_path):
    """The attempt, the halved rates and the spent budget are in the checkpoint."""
    whole = list(poisoned_after(24, 1, config, tmp_path / "whole"))[-1].run
    for event in poisoned_after(24, 1, config, tmp_path / "parts"):
        if isinstance(event, Noted):
            break
    events = list(session_steps(config, root=tmp_path / "parts" / "runs"))
    assert of_kind(events, Started)[0].nimg == 0
    assert newest_state(events[-1].run) == newest_state(whole)
    assert RunFolder.open(events[-1].run).events() == RunFolder.open(whole).events()


def test_numbers_that_stay_not_finite_stop_with_a_command(config, tmp_path):
    events = []
    with pytest.raises(DivergedError, match=r"not finite after .* images.*ganvas train .*--optim"):
        events.extend(iter_into(events, poisoned_after(24, 9, config, tmp_path)))
    run = RunFolder.open(of_kind(events, Started)[0].run)
    assert [line["kind"] for line in run.events()] == ["rollback"] * 3 + ["stop"]
    command = shlex.split(run.events()[-1]["sentence"].split("Start anew with: ")[1])
    assert command[:3] == ["ganvas", "train", config.images]


@pytest.mark.parametrize("guard", ["warn", "off"])
def test_a_guard_that_may_not_act_stops_at_once(guard, config, tmp_path):
    events = []
    config = replace(config, guard=guard)
    with pytest.raises(DivergedError, match="not finite"):
        events.extend(iter_into(events, poisoned_after(24, 9, config, tmp_path)))
    run = of_kind(events, Started)[0].run
    assert [line["kind"] for line in RunFolder.open(run).events()] == ["stop"]
    # The last good checkpoint is there, and it is from before.
    (meta,) = run.glob("checkpoints/*/meta.json")
    assert json.loads(meta.read_text())["nimg"] == 16


def iter_into(events, steps):
    """Keep what was seen before an error."""
    for event in steps:
        events.append(event)
    return []


def blank(folder):
    for path in folder.iterdir():
        Image.new("RGB", (20, 20), "white").save(path)


def one_image(folder):
    first, *others = sorted(folder.iterdir())
    for path in others:
        path.write_bytes(first.read_bytes())


@pytest.mark.parametrize(("spoil", "trouble"), [(blank, "blank"), (one_image, "one-image")])
def test_pictures_that_teach_nothing_stop_a_run_at_its_start(
    spoil, trouble, config, folder, tmp_path
):
    spoil(folder)
    events = []
    with pytest.raises(DataError, match="ganvas inspect"):
        events.extend(iter_into(events, session_steps(config, root=tmp_path / "runs")))
    (line,) = RunFolder.open(of_kind(events, Started)[0].run).events()
    assert (line["kind"], line["trouble"]) == ("data", trouble)
    warned = events_of(replace(config, guard="warn"), tmp_path)
    assert of_kind(warned, Noted)[0].kind == "data"
    assert warned[-1].nimg == 48


def test_rates_too_low_are_raised_at_the_start_unless_one_goes_on_from_weights(config, tmp_path):
    low = {"lr_g": 1e-4, "lr_d": 1e-4}
    slow = replace(config, preset="quick", guard="act", optim=low)
    events = events_of(slow, tmp_path, name="slow")
    (note,) = of_kind(events, Noted)[-1:]
    assert (note.nimg, note.kind) == (0, "act")
    (line,) = [one for one in RunFolder.open(events[-1].run).events() if one["kind"] == "act"]
    assert line["trouble"] == "too-slow"
    changed = newest_state(events[-1].run)
    warned = events_of(replace(slow, guard="warn"), tmp_path, name="warned")[-1].run
    assert newest_state(warned) != changed
    interrupted = events_of(slow, tmp_path, name="parts", should_stop=after(2))
    assert interrupted[-1].interrupted
    assert newest_state(events_of(slow, tmp_path, name="parts")[-1].run) == changed
    tuned = events_of(slow, tmp_path, name="tuned", init_from=str(warned))[-1].run
    assert not [one for one in RunFolder.open(tuned).events() if one["kind"] == "act"]


@pytest.mark.parametrize(
    ("scores", "evaluations"),
    [
        ([9, 8, 7, 6, 5, 6, 6, 6, 6, 6, 6, 6], 10),
        ([1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2], 10),  # not before there were enough
        ([9, 8, 7, 6, 5, 4, 5, 5, 5, 5, 3, 5], 12),  # one in time
        ([9, 8, 7, 6, 5, 4, 3, 3, 3, 3, 3, 3], 12),
    ],
)
def test_patience_ends_a_run_that_gets_no_better(
    scores, evaluations, config, tmp_path, monkeypatch
):
    given = iter([*scores, 9, 9])
    monkeypatch.setattr(Evaluator, "__init__", lambda *_, **__: None)
    monkeypatch.setattr(Evaluator, "score", lambda *_, **__: {"metric/kid_vgg19": next(given)})
    monkeypatch.setattr("ganvas.training.plan.EVALUATIONS", 99)
    run = {"snapshot_kimg": 0.008, "tick_kimg": 0.008, "sample_seeds": 1, "evaluate_images": 4}
    config = replace(config, kimg=0.096, run=run)
    events = events_of(config, tmp_path)
    assert len(of_kind(events, Evaluated)) == evaluations
    finished = events[-1]
    assert (finished.nimg, finished.interrupted) == (8 * evaluations, False)
    assert len(of_kind(events, Noted)) == (evaluations < 12)
    (again,) = events_of(config, tmp_path)
    assert again.already
    longer = events_of(replace(config, kimg=0.112), tmp_path)
    assert longer[-1].nimg == 112


def _find(generator, kind):
    """Reach into a running generator for the object that drives it."""
    frame = generator
    while frame is not None:
        for value in frame.gi_frame.f_locals.values():
            if isinstance(value, kind):
                return value
        frame = frame.gi_yieldfrom
    raise AssertionError(f"no {kind.__name__} is at work")


@pytest.mark.slow
def test_the_best_snapshot_becomes_the_generator(config, tmp_path):
    config = replace(config, run={"evaluate_images": 16, "snapshot_kimg": 0.016, "sample_seeds": 4})
    events = events_of(config, tmp_path)
    evaluated = of_kind(events, Evaluated)
    assert len(evaluated) == 3
    scores = [event.metrics["metric/kid_vgg19"] for event in evaluated]
    best = evaluated[int(np.argmin(scores))]
    assert best.best
    from ganvas.latent.load import load_generator_file

    _, header = load_generator_file(events[-1].run / "generator.safetensors")
    assert header["nimg"] == best.nimg
    assert header["metrics"]["metric/kid_vgg19"] == min(scores)


@pytest.mark.slow
def test_minutes_are_planned_once_and_kept(config, tmp_path):
    config = replace(config, kimg=None, minutes=0.1)
    first = events_of(config, tmp_path, should_stop=after(2))[-1]
    plan = RunFolder.open(first.run).environment["plan"]
    assert plan["images_per_second"] > 0
    events = events_of(config, tmp_path)
    assert RunFolder.open(first.run).environment["plan"] == plan
    assert events[-1].nimg == plan["total_nimg"]


def test_minutes_that_show_few_pictures_are_told_to_bring_little(config, tmp_path, monkeypatch):
    by_minutes = replace(config, kimg=None, minutes=0.1)
    notes = []
    for few in (10**9, 0):
        monkeypatch.setattr("ganvas.training.session.FEW_SHOWN", few)
        events = events_of(by_minutes, tmp_path, name=f"run{few}", should_stop=after(1))
        notes.append([note.sentence for note in of_kind(events, Noted)])
    assert any("pictures will be shown in 0.1 minutes" in note for note in notes[0])
    assert not any("will be shown" in note for note in notes[1])


def test_flat_pictures_are_told_of_and_recorded(config, folder, tmp_path):
    for path in folder.iterdir():
        faint = np.asarray(Image.open(path)) // 8 + 112
        Image.fromarray(faint.astype(np.uint8)).save(path)
    config = replace(config, cure=replace(config.cure, fit_contrast=True))
    events = events_of(config, tmp_path, should_stop=after(1))
    contrast = RunFolder.open(events[-1].run).environment["plan"]["contrast"]
    assert 0.2 <= contrast < 0.6
    (note,) = of_kind(events, Noted)
    assert f"{contrast:.0%} of ordinary contrast" in note.sentence


def test_fewer_threads_are_told_of_recorded_and_given_back(config, tmp_path, monkeypatch):
    monkeypatch.setattr("ganvas.training.session.choose_threads", lambda device: 1)
    config = replace(config, kimg=None, minutes=0.1)
    torch.set_num_threads(2)
    for attempt in ("first", "continued"):
        events, threads = [], set()
        for event in session_steps(config, root=tmp_path / "runs", should_stop=after(1)):
            events.append(event)
            threads.add(torch.get_num_threads())
        assert threads == {1}, attempt
        assert torch.get_num_threads() == 2, attempt
        told = [note.sentence for note in of_kind(events, Noted)]
        assert any("1 of 2 threads" in sentence for sentence in told) == (attempt == "first")
    assert RunFolder.open(events[-1].run).environment["plan"]["threads"] == 1


def test_a_very_small_set_is_warned_about(config, tmp_path, monkeypatch):
    monkeypatch.setattr("ganvas.training.session.VERY_FEW", 100)
    (few,) = of_kind(events_of(config, tmp_path, should_stop=after(1)), Noted)
    assert "only 20 pictures: expect near copies" in few.sentence


@pytest.mark.parametrize(("num", "scored"), [(1, False), (3, False), (4, True)])
def test_so_few_pictures_that_none_can_be_compared_are_trained_on(
    num, scored, config, folder, tmp_path
):
    for path in sorted(folder.iterdir())[num:]:
        path.unlink()
    config = replace(config, run=replace(config.run, evaluate_images=4), guard="warn")
    events = events_of(config, tmp_path)
    assert events[-1].nimg == 48
    assert bool(of_kind(events, Evaluated)) == scored
    told = [note.sentence for note in of_kind(events, Noted)]
    assert ("fewer than 4 pictures cannot be compared: no scores" in told) != scored


def test_other_start_weights_are_another_run(config, tmp_path):
    source = events_of(config, tmp_path, name="source")[-1].run
    again = replace(config, seed=1)
    plain = events_of(again, tmp_path)[-1].run
    started = events_of(again, tmp_path, init_from=str(source), should_stop=after(2))[-1].run
    assert started != plain
    assert RunFolder.open(started).environment["init_from"] == str(source)
    (*_, finished) = events_of(again, tmp_path, init_from=str(source))
    assert (finished.run, finished.interrupted) == (started, False)
    assert events_of(again, tmp_path, name=started.name)[-1].run == started
    with pytest.raises(RunError, match=r"--from is '.*source', not 'other'"):
        events_of(again, tmp_path, name=started.name, init_from="other")


def test_starting_from_another_run_takes_its_weights(config, tmp_path):
    first = events_of(config, tmp_path)[-1].run
    events = events_of(
        replace(config, seed=3), tmp_path, init_from=first.name, should_stop=after(1)
    )
    (note,) = of_kind(events, Noted)
    assert "starts from" in note.sentence
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RunError, match="no weight"):
            events_of(
                replace(config, model={"arch": "mlp", "hidden_g": [8], "hidden_d": [8]}),
                tmp_path,
                init_from=str(first),
            )


def test_python_names_a_run_sets_its_intervals_and_starts_from_another(folder, tmp_path):
    wanted = {
        "runs": tmp_path / "runs",
        "arch": "mlp",
        "kimg": 0.032,
        "batch_size": 8,
        "guard": "off",
        "run": {"evaluate_images": 0, "sample_seeds": 4},
        "data": {"resolution": 16},
    }
    first = ganvas.train(folder, name="first", **wanted)
    assert first.path.name.endswith("first")
    assert first.config["run"]["sample_seeds"] == 4
    heard = []
    ganvas.train(folder, name="second", start=first.path, on_event=heard.append, **wanted)
    assert any("starts from" in note.sentence for note in of_kind(heard, Noted))
