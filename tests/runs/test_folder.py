"""Run folders: numbering, finding, logs that survive crashes, one trainer at a time."""

import errno
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.core.errors import RunError
from ganvas.runs import folder
from ganvas.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = RunFolder.create(tmp_path / "runs", None, "Photos 64")
    made.write_config({"format": 1, "seed": 3})
    return made


def test_numbers_go_on_after_the_highest(tmp_path: Path) -> None:
    assert RunFolder.create(tmp_path, None, "Mes Été/64 px!").path.name == "00001-mes-t-64-px"
    (tmp_path / "00041-old").mkdir()
    assert RunFolder.create(tmp_path, None, "").path.name == "00042-run"
    assert RunFolder.create(tmp_path, "mine", "x").path == tmp_path / "mine"


def test_runs_started_at_once_get_different_numbers(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = pool.map(lambda k: RunFolder.create(tmp_path, None, f"set{k}").path, range(24))
    assert len({path.name[:5] for path in paths}) == 24
    assert not list(tmp_path.glob(".*"))


def test_a_claim_left_by_a_crash_only_skips_its_number(tmp_path: Path) -> None:
    (tmp_path / ".00001").mkdir()
    assert RunFolder.create(tmp_path, None, "a").path.name == "00002-a"


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "/etc"])
def test_a_name_stays_inside_the_runs_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="cannot be a run's name"):
        RunFolder.create(tmp_path, name, "x")


def test_an_existing_name_is_not_reused(tmp_path: Path) -> None:
    RunFolder.create(tmp_path, "mine", "x")
    with pytest.raises(RunError, match="mine exists already"):
        RunFolder.create(tmp_path, "mine", "x")


def test_config_comes_back_and_the_file_names_the_version(run: RunFolder) -> None:
    assert run.config == {"format": 1, "seed": 3}
    assert "ganvas" in json.loads((run.path / "config.json").read_text())
    run.write_environment({"device": "cpu"})
    assert RunFolder.open(run.path).environment == {"device": "cpu"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "has no config.json"),
        ('{"format": 2}', "has format 2, this ganvas reads format 1"),
        ("{", "damaged"),
        ("[]", "damaged"),
    ],
)
def test_foreign_and_damaged_folders_are_refused(
    tmp_path: Path, text: str | None, sentence: str
) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(RunError, match=sentence):
        RunFolder.open(tmp_path)


def test_a_run_is_found_by_path_name_and_number(run: RunFolder) -> None:
    root = run.path.parent
    RunFolder.create(root, None, "not-yet-a-run")
    for name in (str(run.path), "00001-photos-64", "1", "00001"):
        assert RunFolder.find(root, name).path == run.path
    assert [r.path for r in RunFolder.all(root)] == [run.path]
    with pytest.raises(RunError, match=r"no run 'photo'.*00001-photos-64"):
        RunFolder.find(root, "photo")
    with pytest.raises(RunError, match="no run '2'"):
        RunFolder.find(root, "2")
    with pytest.raises(RunError, match="holds no runs yet"):
        RunFolder.find(root / "nowhere", "1")


def test_logs_are_json_that_others_can_read(run: RunFolder) -> None:
    run.append_stats({"nimg": 8, "loss/d": float("nan"), "parts": [1.5, float("inf")]})
    line = (run.path / "stats.jsonl").read_text()
    strict = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert strict == {"nimg": 8, "loss/d": None, "parts": [1.5, None]} == run.stats()[0]


def test_a_torn_line_costs_only_itself(run: RunFolder) -> None:
    run.append_events({"nimg": 1, "sentence": "é"})
    with (run.path / "events.jsonl").open("a") as file:
        file.write('{"nimg": 2, "sen')
    assert [e["nimg"] for e in run.events()] == [1]
    run.append_events({"nimg": 3})
    with pytest.warns(UserWarning, match="line 2 is damaged"):
        assert [e["nimg"] for e in run.events()] == [1, 3]
    with pytest.warns(UserWarning, match="line 2 is damaged"):
        run.cut_after(10)
    assert [e["nimg"] for e in run.events()] == [1, 3]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 50), max_size=12), st.integers(0, 50))
def test_cutting_keeps_exactly_what_the_checkpoint_knew(
    tmp_path_factory: pytest.TempPathFactory, clock: list[int], cut: int
) -> None:
    run = RunFolder(tmp_path_factory.mktemp("run"))
    for nimg in sorted(clock):
        run.append_stats({"nimg": nimg})
        run.append_metrics({"nimg": nimg})
        run.append_events({"nimg": nimg})
    run.cut_after(cut)
    known = [{"nimg": nimg} for nimg in sorted(clock) if nimg <= cut]
    assert run.stats() == run.metrics() == run.events() == known


def test_a_rollback_event_survives_the_cut(run: RunFolder) -> None:
    for nimg in (100, 300, 210, 260):
        run.append_events({"nimg": nimg})
    run.cut_after(250)
    assert [e["nimg"] for e in run.events()] == [100, 300, 210]


@given(st.sets(st.integers(0, 99_999), max_size=30))
def test_sample_names_of_short_runs_never_collide(clock: set[int]) -> None:
    run = RunFolder(Path("r"))
    assert len({run.samples_path(nimg) for nimg in clock}) == len(clock)


def test_samples_come_back_in_the_order_of_the_clock(run: RunFolder) -> None:
    assert run.samples_path(200_384).name == "000200kimg.png"
    clock = [0, 2_560, 2_000, 200_000, 1_200_000]
    for nimg in clock:
        run.samples_path(nimg).touch()
    (run.path / "samples" / "mine.png").touch()
    assert [nimg for nimg, _ in run.samples()] == sorted(clock)


def test_only_one_trainer_at_a_time(run: RunFolder) -> None:
    run.lock()
    with pytest.raises(RunError, match=r"being trained already, by process \d+ on "):
        RunFolder.open(run.path).lock()
    run.unlock()
    run.unlock()
    other = RunFolder.open(run.path)
    other.lock()
    other.unlock()


def test_the_lock_of_a_killed_trainer_is_taken_over(run: RunFolder) -> None:
    script = (
        "import sys, time; from pathlib import Path; from ganvas.runs.folder import RunFolder;"
        "run = RunFolder(Path(sys.argv[1])); run.lock();"
        "print('locked', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(RunError, match=f"by process {holder.pid} on"):
            run.lock()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    run.lock()
    run.unlock()


def test_a_full_disk_is_one_sentence(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder, "append_json_line", full)
    with pytest.raises(RunError, match=r"stats.jsonl cannot be written: No space left"):
        run.append_stats({"nimg": 1})


def test_runs_are_found_without_torch() -> None:
    script = "import sys, ganvas.runs.folder, ganvas.runs.card; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
