"""Out of memory: the batch is split with the same mathematics, or refused with the reason."""

import pytest
import torch

from ganvas.core.device import Numerics
from ganvas.core.errors import MemoryLimitError
from ganvas.training.loop import train_steps
from ganvas.training.state import TrainState


def limited(network, most: int) -> None:
    """Make a network run out of memory with more than `most` pictures."""

    def refuse(_module, inputs):
        if len(inputs[0]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    network.register_forward_pre_hook(refuse)


def fresh(config, source) -> TrainState:
    return TrainState(config, source, Numerics(torch.device(config.device), "fp32"))


@pytest.mark.parametrize("where", ["G", "D"])
@pytest.mark.parametrize(
    "changes",
    [
        {"loss": {"penalty_stride": 1}},
        {"loss": {"penalty_stride": 2}, "augment": {"p": 1.0}},
        {"loss": {"penalty_mode": "finite-difference", "penalty_stride": 1}},
        {"cure": {"pack": 2, "instance_noise": 0.1}, "loss": {"penalty_stride": 1}},
        {"recipe": "simultaneous", "loss": {"penalty_stride": 2}},
    ],
)
def test_a_split_batch_learns_what_the_whole_one_learns(where, changes, tiny, pictures):
    config, source = tiny("resnet", changes), pictures()
    whole, split = fresh(config, source), fresh(config, source)
    limited(getattr(split, where), 3 if where == "G" or "cure" not in changes else 1)
    for _, _ in zip(
        train_steps(config, source, state=whole),
        train_steps(config, source, state=split),
        strict=True,
    ):
        pass
    assert whole.micro_batch == 0
    assert split.micro_batch == 2
    for (name, one), other in zip(
        whole.G.state_dict().items(), split.G.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=2e-3, atol=2e-5, msg=name)


def test_memory_that_ends_in_the_second_half_of_a_simultaneous_step(tiny, pictures):
    """D's half has then been through the whole batch, and G's takes the batch in parts."""
    changes = {"recipe": "simultaneous", "loss": {"penalty_stride": 1}, "cure": {"pack": 2}}
    config, source = tiny("resnet", changes), pictures()
    whole, split = fresh(config, source), fresh(config, source)

    def refuse(_module, inputs):
        if torch.is_grad_enabled() and len(inputs[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    split.G.register_forward_pre_hook(refuse)
    next(train_steps(config, source, state=whole))
    next(train_steps(config, source, state=split))
    assert (whole.micro_batch, split.micro_batch) == (0, 2)
    for name, one in whole.G.state_dict().items():
        torch.testing.assert_close(one, split.G.state_dict()[name], rtol=2e-3, atol=2e-5, msg=name)


def test_batch_norm_is_never_split(tiny, pictures):
    config, source = tiny("dcgan"), pictures()
    state = fresh(config, source)
    limited(state.D, 4)
    with pytest.raises(MemoryLimitError, match=r"BatchNorm2d looks at the whole batch.*smaller"):
        next(train_steps(config, source, state=state))


def test_a_single_picture_that_does_not_fit_is_refused(tiny, pictures):
    config, source = tiny("resnet", {"loss": {"penalty_stride": 1}}), pictures()
    state = fresh(config, source)
    limited(state.D, 0)
    with pytest.raises(MemoryLimitError, match="cannot be halved"):
        next(train_steps(config, source, state=state))


def test_other_errors_are_not_taken_for_memory(tiny, pictures):
    config, source = tiny("resnet"), pictures()
    state = fresh(config, source)

    def fail(_module, _inputs):
        raise RuntimeError("shapes do not match")

    state.D.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="shapes"):
        next(train_steps(config, source, state=state))
    assert state.micro_batch == 0
