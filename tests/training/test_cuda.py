"""On a GPU: the loop never waits for it between two checks, and real lack of memory splits."""

import pytest
import torch

from ganvas.core.config import replace
from ganvas.models import registry
from ganvas.training import guard
from ganvas.training.loop import train_steps

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


@pytest.fixture
def waiting_is_an_error():
    torch.cuda.set_sync_debug_mode("error")
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("num_classes", [0, 3])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("arch", registry.names())
def test_steps_do_not_wait_for_the_device(
    arch, precision, num_classes, tiny, pictures, request, monkeypatch
):
    monkeypatch.setattr(guard, "CHECK_STEPS", 1000)
    data = {"classes": "folders"} if num_classes else {}
    config = replace(tiny(arch, {"kimg": 0.4, "data": data}), device="cuda", precision=precision)
    steps = train_steps(config, pictures(config.data.resolution, num_classes=num_classes))
    for _ in range(20):  # Kernels are loaded, networks have grown.
        next(steps)
    request.getfixturevalue("waiting_is_an_error")
    for _ in range(10):
        next(steps)


def test_a_batch_that_does_not_fit_is_split(tiny, pictures):
    changes = {"loss": {"penalty_stride": 1}, "model": {"width": 0.5}, "batch_size": 128}
    config = replace(tiny("resnet", changes | {"kimg": 0.384}), device="cuda")
    config = replace(config, data={"resolution": 64})
    source = pictures(64)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    first = next(train_steps(config, source))
    needed = torch.cuda.max_memory_allocated()
    assert first.state.micro_batch == 0
    del first
    torch.cuda.empty_cache()
    try:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(0.6 * needed / total)
        reports = list(train_steps(config, source))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert reports[-1].state.micro_batch in (32, 64)
    assert torch.isfinite(reports[-1].stats["loss/d"])
