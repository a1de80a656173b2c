"""Spectral normalisation: the bound itself, and that its vectors are part of the state."""

import copy

import pytest
import torch
from torch import nn

from ganvas.layers.spectral import with_spectral_norm
from ganvas.losses.penalties import zero_centered


class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3)
        self.linear = nn.Linear(6 * 4, 5)
        self.classes = nn.Embedding(3, 5)

    def forward(self, images):
        features = torch.tanh(self.linear(torch.tanh(self.conv(images)).flatten(1)))
        label = torch.arange(len(images)) % 3
        return (features * self.classes(label)).sum(1)


def build(seed=0):
    torch.manual_seed(seed)
    return with_spectral_norm(Judge())


def pictures(seed=0):
    return torch.randn(6, 2, 4, 4, generator=torch.Generator().manual_seed(seed))


def train(network, optimizer, steps):
    for step in steps:
        optimizer.zero_grad()
        images = pictures(step).requires_grad_()
        logits = network(images)
        (zero_centered(images, logits) - logits.mean() + network(-images).mean()).backward()
        optimizer.step()


def assert_equal_states(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def test_every_layer_has_slope_one():
    network = build()
    for _ in range(100):
        network(pictures())
    for layer in (network.conv, network.linear, network.classes):
        largest = torch.linalg.svdvals(layer.weight.flatten(1))[0].item()
        assert largest == pytest.approx(1, abs=1e-4)


def test_a_second_call_changes_nothing():
    network = build()
    before = copy.deepcopy(network.state_dict())
    assert with_spectral_norm(network) is network
    assert_equal_states(network.state_dict(), before)


def test_eval_mode_is_a_pure_function():
    network = build().eval()
    before = copy.deepcopy(network.state_dict())
    assert torch.equal(network(pictures()), network(pictures()))
    assert_equal_states(network.state_dict(), before)


def test_copies_are_equal_and_independent():
    network = build()
    twin = copy.deepcopy(network)
    before = copy.deepcopy(twin.state_dict())
    assert torch.equal(network(pictures()), twin(pictures()))
    twin.load_state_dict(before)
    train(network, torch.optim.Adam(network.parameters()), range(3))
    assert_equal_states(twin.state_dict(), before)


def test_an_interrupted_training_continues_exactly():
    whole = build()
    train(whole, torch.optim.SGD(whole.parameters(), 0.1), range(8))

    first = build()
    train(first, torch.optim.SGD(first.parameters(), 0.1), range(5))
    second = build(seed=1)
    second.load_state_dict(first.state_dict())
    train(second, torch.optim.SGD(second.parameters(), 0.1), range(5, 8))
    assert_equal_states(second.state_dict(), whole.state_dict())


def test_the_bound_holds_through_autocast():
    network = build()
    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(50):
            network(pictures())
        weight = network.linear.weight
    assert weight.dtype == torch.float32
    assert torch.linalg.svdvals(weight)[0].item() == pytest.approx(1, abs=1e-3)
