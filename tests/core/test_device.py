"""Precision and threads are chosen by timing: not deceived by a slow or a lucky call."""

import itertools
from types import SimpleNamespace

import pytest
import torch

from ganvas.core import device


@pytest.mark.parametrize(
    ("bf16", "fp32", "chosen"),
    [
        ([9.0, 5.0, 5.0, 5.0, 5.0], [10.0, 8.0, 8.0, 8.0, 8.0], "bf16"),
        ([5.0, 5.0, 5.0, 5.0, 5.0], [9.0, 6.0, 6.0, 6.0, 6.0], "fp32"),
        ([400.0] * 5, [8.0] * 5, "fp32"),
    ],
)
def test_a_processor_is_judged_by_its_best_of_several_rounds(monkeypatch, bf16, fp32, chosen):
    times = {torch.bfloat16: iter(bf16), torch.float32: iter(fp32)}
    monkeypatch.setattr(device, "_conv_seconds", lambda dtype: next(times[dtype]))
    assert device.choose_precision(torch.device("cpu")) == chosen


@pytest.fixture
def conv_takes(monkeypatch):
    """Let a convolution take the seconds that a function of the threads says, on a made clock."""
    now = 0.0
    before = torch.get_num_threads()

    def install(seconds):
        def conv():
            nonlocal now
            now += seconds(torch.get_num_threads())

        monkeypatch.setattr(device, "time", SimpleNamespace(perf_counter=lambda: now))
        monkeypatch.setattr(device, "_conv", lambda dtype, *, batch_size: conv)

    yield install
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("offered", "seconds", "chosen"),
    [
        pytest.param(2, {2: 0.002, 1: 0.004}, 2, id="idle"),
        pytest.param(2, {2: 0.004, 1: 0.002}, 1, id="one core is busy"),
        pytest.param(2, {2: 0.0042, 1: 0.004}, 2, id="hardly faster"),
        pytest.param(8, {8: 0.003, 7: 0.0035, 4: 0.001}, 4, id="half is best"),
        pytest.param(1, {}, 1, id="one core"),
    ],
)
def test_fewer_threads_are_chosen_where_they_are_clearly_faster(
    conv_takes, offered, seconds, chosen
):
    torch.set_num_threads(offered)
    conv_takes(seconds.__getitem__)
    assert device.choose_threads(torch.device("cpu")) == chosen
    assert torch.get_num_threads() == offered


def test_waiting_for_another_program_counts(conv_takes):
    """Now and then a slice of the core is taken away: the best call would not show it."""
    torch.set_num_threads(2)
    slices = itertools.cycle([0.0, 0.0, 0.0, 0.02])
    conv_takes(lambda threads: 0.001 + next(slices) if threads > 1 else 0.0015)
    assert device.choose_threads(torch.device("cpu")) == 1
