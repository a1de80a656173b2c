"""The choice of precision is not deceived by a slow first call, nor by a lucky one."""

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
