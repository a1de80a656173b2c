"""Checkpoints: bit-exact, and one is always left after a kill, a full disk or damage."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError

from ganvas.core.errors import CheckpointError, RunError
from ganvas.runs import checkpoint
from ganvas.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "run", "x")


def tensors(value: float) -> dict[str, dict[str, torch.Tensor]]:
    return {
        "state": {"G.weight": torch.full((5, 3), value)},
        "optimizer": {"step": torch.tensor(value)},
    }


def save(run: RunFolder, nimg: int, value: float | None = None, *, keep: int = 2) -> Path:
    value = float(nimg) if value is None else value
    return checkpoint.save(run, nimg, tensors(value), {"value": value}, keep)


def assert_newest(run: RunFolder, nimg: int, value: float | None = None) -> None:
    found = checkpoint.newest(run)
    assert found is not None
    value = float(nimg) if value is None else value
    assert (found.nimg, found.meta) == (nimg, {"value": value})
    assert torch.equal(found.tensors("state")["G.weight"], torch.full((5, 3), value))
    assert found.tensors("optimizer")["step"].item() == value


def names(run: RunFolder) -> list[str]:
    return sorted(path.name for path in (run.path / "checkpoints").iterdir())


def test_every_bit_comes_back(run: RunFolder) -> None:
    odd = torch.tensor([float("nan"), -0.0, float("inf"), 1e-45])
    shared = torch.randn(4, 4)
    given = {
        "odd": odd,
        "step": torch.tensor(7.0),
        "empty": torch.empty(0, 3),
        "bf16": torch.randn(3).bfloat16(),
        "count": torch.tensor(2**62),
        "mask": torch.tensor([True, False]),
        "last": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "a": shared,
        "b": shared.T,
        "weight": torch.nn.Parameter(torch.randn(2)),
    }
    checkpoint.save(run, 64, {"state": given}, {"plan": {"total": 10, "speed": 0.1}}, 1)
    found = checkpoint.newest(run)
    assert found is not None
    assert found.meta == {"plan": {"total": 10, "speed": 0.1}}
    back = found.tensors("state")
    assert back.keys() == given.keys()
    for name, tensor in given.items():
        assert back[name].dtype == tensor.dtype
        assert back[name].shape == tensor.shape
        same = back[name].view(torch.uint8) if back[name].ndim else back[name]
        want = tensor.detach().contiguous()
        assert torch.equal(same, want.view(torch.uint8) if want.ndim else want)


def test_no_checkpoint_yet(run: RunFolder) -> None:
    assert checkpoint.newest(run) is None
    save(run, 8)
    found = checkpoint.newest(run)
    assert found is not None
    with pytest.raises(CheckpointError, match=r"other.safetensors cannot be read"):
        found.tensors("other")


def test_the_newest_are_kept(run: RunFolder) -> None:
    for nimg in (1000, 2000, 10_000, 9_000_000):
        save(run, nimg)
    assert names(run) == ["000010kimg", "009000kimg"]
    assert_newest(run, 9_000_000)


def test_two_within_one_kimg_have_two_names(run: RunFolder) -> None:
    save(run, 512)
    save(run, 900)
    assert names(run) == ["000000kimg", "000000kimg-900"]
    save(run, 999)
    assert_newest(run, 999)
    assert len(names(run)) == 2


def test_the_same_moment_is_replaced(run: RunFolder) -> None:
    save(run, 1000)
    save(run, 2000, 1.0)
    save(run, 2000, 2.0)
    assert names(run) == ["000001kimg", "000002kimg"]
    assert_newest(run, 2000, 2.0)


def test_after_a_rollback_the_abandoned_future_goes(run: RunFolder) -> None:
    for nimg in (1000, 2000, 3000):
        save(run, nimg, keep=5)
    save(run, 1500, keep=5)
    assert_newest(run, 1500)
    assert names(run) == ["000001kimg", "000001kimg-1500"]


def files_of(path: Path) -> list[Path]:
    return sorted(path.iterdir())


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    run = RunFolder.create(tmp_path_factory.mktemp("runs"), "run", "x")
    save(run, 1000)
    path = data.draw(st.sampled_from(files_of(save(run, 2000))))
    content = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    if path.name == "meta.json" and _means_the_same(path, bit):
        return
    with pytest.warns(UserWarning, match="000002kimg is left out"):
        assert_newest(run, 1000)


def _means_the_same(path: Path, bit: int) -> bool:
    # White space that became other white space changes nothing that meta.json says.
    return path.read_bytes()[bit // 8 : bit // 8 + 1].isspace()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: os.truncate(path / "state.safetensors", 40),
    "emptied": lambda path: os.truncate(path / "optimizer.safetensors", 0),
    "missing": lambda path: (path / "optimizer.safetensors").unlink(),
    "meta missing": lambda path: (path / "meta.json").unlink(),
    "meta truncated": lambda path: os.truncate(path / "meta.json", 30),
    "meta of another kind": lambda path: (path / "meta.json").write_text("[1]"),
    "half removed": lambda path: shutil.rmtree(path) or path.mkdir(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named_and_an_older_one_used(run: RunFolder, damage: str) -> None:
    save(run, 1000)
    DAMAGES[damage](save(run, 2000))
    with pytest.warns(UserWarning, match="000002kimg is left out"):
        assert_newest(run, 1000)
    save(run, 3000)
    assert names(run) == ["000001kimg", "000003kimg"], "a damaged one does not count as kept"


def test_a_later_format_is_not_taken_for_damage(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", 2)
    save(run, 1000)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="has format 2, this ganvas reads format 1"):
        checkpoint.newest(run)


@pytest.mark.parametrize("error", [OSError(28, "No space left"), SafetensorError("No space left")])
@pytest.mark.parametrize("nimg", [1000, 2000])
def test_a_full_disk_leaves_the_last_one(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, error: Exception, nimg: int
) -> None:
    save(run, 1000)

    def full(tensors: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(RunError, match="checkpoints cannot be written: No space left"):
        save(run, nimg, 5.0)
    assert names(run) == ["000001kimg"]
    assert_newest(run, 1000)


@pytest.fixture
def two_megabytes(tmp_path: Path) -> Iterator[Path]:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)]
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this machine does not allow mounts")
    yield small
    subprocess.run(["umount", str(small)], check=True)


def test_a_really_full_disk_leaves_the_last_one(two_megabytes: Path) -> None:
    run = RunFolder.create(two_megabytes, "run", "x")
    save(run, 1000)
    large = {"state": {"w": torch.ones(10**6)}}
    with pytest.raises(RunError, match=r"cannot be written: .*[Nn]o space"):
        checkpoint.save(run, 2000, large, {}, 2)
    assert names(run) == ["000001kimg"]
    assert_newest(run, 1000)
    save(run, 3000)
    assert_newest(run, 3000)


class Killed(BaseException):
    """Stands for SIGKILL: from the given operation on, nothing reaches the disk."""


def kill_at(monkeypatch: pytest.MonkeyPatch, moment: int) -> None:
    done = 0

    def deadly(operation: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal done
            done += 1
            if done < moment:
                return operation(*args, **kwargs)
            if done == moment and operation is shutil.rmtree:
                next(iter(sorted(args[0].iterdir()))).unlink()
            raise Killed

        return wrapped

    real = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", deadly(real))
    monkeypatch.setattr(Path, "rename", deadly(Path.rename))
    for name in ("save_file", "write_json", "flush"):
        monkeypatch.setattr(checkpoint, name, deadly(getattr(checkpoint, name)))


@pytest.mark.parametrize("nimg", [2000, 3000])
def test_a_kill_at_any_moment_leaves_a_loadable_one(tmp_path: Path, nimg: int) -> None:
    outcomes = []
    for moment in range(1, 100):
        run = RunFolder.create(tmp_path, f"run{moment}", "x")
        save(run, 1000, keep=1)
        save(run, 2000, keep=1)
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, moment)
            try:
                save(run, nimg, 7.0, keep=1)
            except Killed:
                pass
            else:
                break
        found = checkpoint.newest(run)
        assert found is not None
        outcomes.append(found.meta["value"])
        assert torch.equal(found.tensors("state")["G.weight"], torch.full((5, 3), outcomes[-1]))
        save(run, 4000, keep=1)
        assert names(run) == ["000004kimg"], "nothing is left lying about"
    assert len(outcomes) > 8
    assert set(outcomes) == {2000.0, 7.0}
    assert outcomes == sorted(outcomes, key=[2000.0, 7.0].index)


@pytest.mark.slow
def test_sigkill(run: RunFolder) -> None:
    script = (
        "import sys, torch; from pathlib import Path; from ganvas.runs import checkpoint, folder;"
        "run = folder.RunFolder(Path(sys.argv[1])); nimg = int(sys.argv[2]);"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    nimg += 500\n"
        "    state = {'state': {'w': torch.full((500_000,), float(nimg))}}\n"
        "    checkpoint.save(run, nimg, state, {}, 1)"
    )
    nimg = 0
    for attempt in range(3):
        command = [sys.executable, "-c", script, str(run.path), str(nimg)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as saver:
            assert saver.stdout is not None
            saver.stdout.readline()
            time.sleep(random.Random(attempt).uniform(0.3, 0.9))
            saver.send_signal(signal.SIGKILL)
            saver.wait()
        found = checkpoint.newest(run)
        if found is not None:
            assert found.nimg >= nimg
            nimg = found.nimg
            assert torch.equal(found.tensors("state")["w"], torch.full((500_000,), float(nimg)))
    assert nimg > 0
