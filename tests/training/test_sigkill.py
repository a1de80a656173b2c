"""Killed at 20 random moments, a run continues each time and ends equal to an uninterrupted one."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from ganvas.runs import checkpoint
from ganvas.runs.folder import RunFolder

KILLS = 20


def command(place: Path, name: str) -> list[str]:
    return [
        *(sys.executable, "-m", "ganvas", "train", str(place / "photos")),
        *(f"--run={name}", "--kimg=6", "--resolution=16", "--batch-size=8", "--arch=resnet"),
        *("--model.width=0.2", "--model.z-dim=8", "--precision=fp32", "--device=cpu"),
        *("--run.evaluate-images=0", "--run.sample-seeds=4", "--run.snapshot-kimg=0.2"),
    ]


def start(place: Path, name: str) -> subprocess.Popen:
    own = {"GANVAS_CACHE": str(place / "cache"), "GANVAS_RUNS": str(place / "runs")}
    return subprocess.Popen(
        command(place, name),
        env=os.environ | own | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )


def steps_logged(run: Path) -> int:
    path = run / "stats.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_killed_at_random_moments_ends_equal(tmp_path):
    (tmp_path / "photos").mkdir()
    drawn = np.random.default_rng(2)
    for number in range(24):
        pixels = drawn.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    assert start(tmp_path, "whole").wait(timeout=300) == 0

    moments = random.Random(7)
    run = tmp_path / "runs" / "killed"
    killed = 0
    for _ in range(KILLS):
        process = start(tmp_path, "killed")
        before = steps_logged(run)
        deadline = time.monotonic() + 60
        # Wait until training has gone on, then for a moment anywhere in a step, a tick or a save.
        while steps_logged(run) <= before and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.4))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed >= KILLS // 2, "the run was over before it could be killed: make it longer"
    assert start(tmp_path, "killed").wait(timeout=300) == 0

    ends = [checkpoint.newest(RunFolder.open(tmp_path / "runs" / n)) for n in ("whole", "killed")]
    assert ends[0].nimg == ends[1].nimg == 6000
    for file in ("state", "optimizer"):
        one, other = (load_file(end.path / f"{file}.safetensors") for end in ends)
        assert one.keys() == other.keys()
        assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    whole, again = (RunFolder.open(tmp_path / "runs" / n).stats() for n in ("whole", "killed"))
    assert [line["nimg"] for line in whole] == [line["nimg"] for line in again]
