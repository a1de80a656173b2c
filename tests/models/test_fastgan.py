"""The pair for few pictures: its gate, its doublings, its quarters and what D rebuilds."""

import pytest
import torch
from torch.nn import functional as F

from ganvas.models import registry
from ganvas.models.base import Rebuilder
from ganvas.models.fastgan.config import Config, channels_at
from ganvas.models.fastgan.networks import Excitation, Gated, _grow, quarter


def test_skip_layer_excitation_is_equation_one() -> None:
    """Against the formula written down: high * sigmoid(W2 lrelu(W1 pool(low)))."""
    torch.manual_seed(0)
    block = Excitation(3, 5, (4, 4)).double()
    low, high = torch.randn(2, 3, 8, 8).double(), torch.randn(2, 5, 16, 16).double()
    first, _, second, _ = block.gate
    pooled = low.view(2, 3, 4, 2, 4, 2).mean((3, 5))
    hidden = torch.einsum("bcij,ocij->bo", pooled, first.weight) + first.bias
    hidden = torch.where(hidden > 0, hidden, 0.1 * hidden)
    gate = 1 / (1 + torch.exp(-(hidden @ second.weight[:, :, 0, 0].T + second.bias)))
    torch.testing.assert_close(block(high, low), high * gate[:, :, None, None])


def test_a_doubling_is_nearest_then_convolution_norm_and_glu() -> None:
    torch.manual_seed(0)
    stage = _grow(3, 2, convolutions=1).double()
    features = torch.randn(4, 3, 4, 4).double()
    doubled = features.repeat_interleave(2, 2).repeat_interleave(2, 3)
    hidden = F.conv2d(doubled, stage[1].weight, padding=1)
    mean, variance = hidden.mean((0, 2, 3), keepdim=True), hidden.var((0, 2, 3), correction=0)
    normal = (hidden - mean) / (variance + 1e-5).sqrt()[None, :, None, None]
    expected = normal[:, :2] / (1 + torch.exp(-normal[:, 2:]))
    torch.testing.assert_close(stage(features), expected)


def test_slopes_of_a_gate_keep_the_layout_of_the_convolutions() -> None:
    maps = torch.randn(2, 6, 4, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
    gated = Gated()(maps)
    torch.testing.assert_close(gated, F.glu(maps, dim=1))
    (slopes,) = torch.autograd.grad(gated.square().sum(), maps)
    assert slopes.is_contiguous(memory_format=torch.channels_last)


def test_a_quarter_is_cut_for_each_sample() -> None:
    maps = torch.arange(4 * 2 * 6 * 6).view(4, 2, 6, 6).float()
    cut = quarter(maps, torch.tensor([0, 1, 2, 3]))
    for found, expected in zip(
        cut,
        (maps[0, :, :3, :3], maps[1, :, :3, 3:], maps[2, :, 3:, :3], maps[3, :, 3:, 3:]),
        strict=True,
    ):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("resolution", [32, 64, 128])
def test_small_maps_gate_large_ones(resolution: int) -> None:
    G, _ = registry.build(Config(width=4), channels=3, resolution=resolution)
    assert list(G.excitations) == [str(s) for s in (32, 64, 128) if s <= resolution]
    far, _ = registry.build(Config(width=4, reach=16), channels=3, resolution=resolution)
    assert list(far.excitations) == [str(s) for s in (64, 128) if s <= resolution]
    assert channels_at(4, 4) == 64


def test_one_pass_gives_the_verdict_and_what_was_understood() -> None:
    torch.manual_seed(0)
    _, D = registry.build(Config(width=4), channels=3, resolution=32)
    assert isinstance(D, Rebuilder)
    D.eval()
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    corner = torch.tensor([1, 2])
    logits, rebuilt = D.verdict_and_rebuilt(images, None, corner)
    torch.testing.assert_close(logits, D(images))
    assert [part.made.shape for part in rebuilt] == [(2, 3, 16, 16)] * 3
    halved = images.view(2, 3, 16, 2, 16, 2).mean((3, 5))
    for part, true in zip(rebuilt, (halved, halved, quarter(images, corner)), strict=True):
        torch.testing.assert_close(part.true, true)


def test_what_is_rebuilt_of_a_quarter_depends_on_which() -> None:
    torch.manual_seed(0)
    _, D = registry.build(Config(width=4), channels=3, resolution=32)
    D.eval()
    images = torch.rand(1, 3, 32, 32)
    made = [D.verdict_and_rebuilt(images, None, torch.tensor([c]))[1][2].made for c in range(4)]
    assert not any(torch.allclose(made[0], other) for other in made[1:])
