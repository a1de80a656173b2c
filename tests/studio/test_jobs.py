"""Jobs run one at a time in processes of their own, and all that is known of them is on disk."""

import os
import signal
import time
from pathlib import Path

import pytest
from studio_pictures import draw

from ganvas.core.errors import GanvasError
from ganvas.studio import jobs
from ganvas.studio.jobs import Job

TINY = ("--arch", "mlp", "--resolution", "16", "--run.evaluate-images", "0", "--device", "cpu")


@pytest.fixture(autouse=True)
def one_cache(tmp_path, monkeypatch):
    """No test reads what another has prepared."""
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))


def submit(places, *argv: str) -> Job:
    return jobs.submit(jobs.new_folder(places.make("jobs")), argv, runs=places.runs, kind="train")


def wait_for(job: Job, *states: str, seconds: float = 120) -> str:
    end = time.monotonic() + seconds
    while job.state not in states and time.monotonic() < end:
        time.sleep(0.05)
    return job.state


def test_a_job_that_works_is_done(places):
    job = submit(places, "--version")
    assert wait_for(job, "done", "failed") == "done"


def test_a_job_that_fails_says_why_in_one_sentence(places):
    job = submit(places, "inspect", str(places.pictures[0]))
    assert wait_for(job, "done", "failed") == "failed"
    assert job.complaint().startswith("No pictures in")
    assert "\n" not in job.complaint()


def test_a_job_that_is_stopped_while_it_starts_has_not_failed(places):
    job = submit(places, "info")
    assert wait_for(job, "running") == "running"
    job.stop()
    assert wait_for(job, "stopped", "failed") == "stopped"


def test_jobs_are_numbered_and_bounded(places, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_WAITING", 0)
    with pytest.raises(GanvasError, match="waiting"):
        submit(places, "info")


@pytest.mark.slow
def test_a_second_job_waits_for_the_first_and_both_can_be_stopped(places):
    folder = draw(places.pictures[0] / "cats")
    first = submit(places, "train", str(folder), "--run", "a", "--kimg", "1000", *TINY)
    second = submit(places, "train", str(folder), "--run", "b", "--kimg", "1000", *TINY)
    third = submit(places, "--version")
    assert wait_for(first, "running") == "running"
    stats = places.runs / "a" / "stats.jsonl"
    end = time.monotonic() + 120
    while not (places.runs / "a" / "samples").is_dir() and time.monotonic() < end:
        time.sleep(0.1)
    assert (second.state, third.state) == ("waiting", "waiting")
    second.stop()
    assert wait_for(second, "stopped") == "stopped"
    assert not (places.runs / "b").exists()
    first.stop()
    assert wait_for(first, "stopped") == "stopped"
    assert list((places.runs / "a" / "checkpoints").iterdir()), stats
    assert wait_for(third, "done") == "done"


@pytest.mark.slow
def test_a_killed_job_has_failed_and_blocks_nobody(places):
    folder = draw(places.pictures[0] / "cats")
    first = submit(places, "train", str(folder), "--kimg", "1000", *TINY)
    assert wait_for(first, "running") == "running"
    number = int((first.path / "lock").read_text())
    os.killpg(os.getpgid(number), signal.SIGKILL)
    assert wait_for(first, "failed") == "failed"
    assert first.complaint() == ""
    assert wait_for(submit(places, "--version"), "done") == "done"


def test_a_number_that_belongs_to_somebody_else_is_not_told_to_stop(places):
    folder = jobs.new_folder(places.make("jobs"))
    (folder / "job.json").write_text('{"argv": []}')
    (folder / "lock").write_text(str(os.getpid()))
    job = Job(folder)
    job.stop()  # This very process would have ended.
    assert job.state == "failed"
    assert Path(f"/proc/{os.getpid()}").exists() or os.name == "nt"
