"""Real processes: two ranks learn what one does, and survive the death of one."""

import json
import os
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

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SETTINGS = [
    "--resolution=16",
    "--arch=resnet",
    "--model.width=0.2",
    "--model.z-dim=8",
    "--batch-size=8",
    "--loss.penalty-stride=1",
    "--run.evaluate-images=0",
    "--run.sample-seeds=4",
    "--run.snapshot-kimg=0.04",
    "--precision=fp32",
    "--device=cpu",
]


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    drawn = np.random.default_rng(2)
    for number in range(24):
        pixels = drawn.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    own = {"GANVAS_CACHE": str(place / "cache"), "GANVAS_RUNS": str(place / "runs")}
    clear = {"PYTHONWARNINGS": "default", "PYTHONFAULTHANDLER": "1"}
    return os.environ | own | clear | {"OMP_NUM_THREADS": "1"}


def command(place: Path, name: str, kimg: float, *extra: str) -> list[str]:
    start = ["train", str(place / "photos"), f"--run={name}", f"--kimg={kimg}"]
    return [*start, *SETTINGS, *extra]


def train(place: Path, name: str, kimg: float, *extra: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "ganvas", *command(place, name, kimg, *extra)],
        env=environment(place),
        check=True,
        timeout=400,
        stdout=subprocess.PIPE,
    )


def weights(place: Path, name: str) -> dict[str, torch.Tensor]:
    found = []
    for path in (place / "runs" / name / "checkpoints").glob("0*"):
        nimg = json.loads((path / "meta.json").read_text())["nimg"]
        found.append((nimg, path / "state.safetensors"))
    return load_file(max(found)[1])


def assert_close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], rtol=5e-3, atol=5e-4, msg=name)


def test_two_processes_learn_what_one_does(place):
    train(place, "one", 0.04)
    train(place, "two", 0.04, "--devices=2")
    assert_close(weights(place, "one"), weights(place, "two"))


def test_two_nodes_equal_one_node_with_two_processes(place):
    train(place, "one-node", 0.04, "--devices=2")
    nodes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "torch.distributed.run", "--nnodes=2"),
                *("--nproc-per-node=1", "--rdzv-backend=c10d", "--rdzv-id=test"),
                *("--rdzv-endpoint=127.0.0.1:29517", "-m", "--", "ganvas"),
                *command(place, "two-nodes", 0.04),
            ],
            env=environment(place),
            stdout=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    assert [node.wait(timeout=400) for node in nodes] == [0, 0]
    one, two = weights(place, "one-node"), weights(place, "two-nodes")
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


def test_a_killed_process_is_replaced_and_the_run_ends_equal(place):
    train(place, "whole", 0.4, "--devices=2")
    launcher = subprocess.Popen(
        [sys.executable, "-m", "ganvas", *command(place, "killed", 0.4, "--devices=2")],
        env=environment(place),
        stdout=subprocess.DEVNULL,
    )
    checkpoints = place / "runs" / "killed" / "checkpoints"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(checkpoints.glob("0*")):
        time.sleep(0.05)
    os.kill(_a_child_of(launcher.pid), signal.SIGKILL)
    assert launcher.wait(timeout=400) == 0
    one, other = weights(place, "whole"), weights(place, "killed")
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_an_end_that_is_meant_is_not_restarted(place):
    train(place, "other", 0.02)
    found = subprocess.run(
        [sys.executable, "-m", "ganvas", *command(place, "other", 0.02, "--devices=2", "--seed=1")],
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert found.returncode == 1
    assert found.stderr.count("was trained with other settings (seed is 0, not 1)") == 1


def _a_child_of(parent: int) -> int:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = stat.read_text().rpartition(")")[2].split()
        if int(fields[1]) == parent:
            return int(stat.parent.name)
    raise AssertionError("the launcher has no children")


def test_what_processes_would_refuse_is_refused_before_they_start(place):
    start = time.monotonic()
    found = subprocess.run(
        [
            *(sys.executable, "-m", "ganvas", "train", str(place / "photos"), "--devices=2"),
            *("--resolution=16", "--arch=dcgan", "--device=cpu", "--kimg=1"),
        ],
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert found.returncode == 2
    assert "BatchNorm over several CPU processes" in found.stderr
    assert found.stderr.count("\n") == 1
    assert time.monotonic() - start < 60
