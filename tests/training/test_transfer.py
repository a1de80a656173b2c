"""Weights for pictures of another size: which layers they come to."""

import pytest
import torch

from ganvas.models import registry
from ganvas.training.transfer import _copy


def networks(arch, resolution):
    torch.manual_seed(resolution)
    return registry.build(registry.parse({"arch": arch}), channels=3, resolution=resolution)


@pytest.mark.parametrize(
    ("arch", "sizes", "layers"),
    [
        ("stylegan2", (64, 128), 1),
        ("stylegan2", (128, 64), 1),
        ("resnet", (64, 128), 2),
        ("resnet", (128, 64), 2),
    ],
)
def test_a_discriminators_layers_come_to_those_of_their_size(arch, sizes, layers):
    (_, start), (_, D) = networks(arch, sizes[0]), networks(arch, sizes[1])
    weights = start.state_dict()
    _copy(D, weights)
    further = layers if sizes[1] > sizes[0] else -layers
    last = max(int(name.split(".")[1]) for name in weights if name.startswith("body."))
    same = [name for name in weights if name.startswith(f"body.{last}.")]
    assert same
    for name in same:
        own = name.replace(f".{last}.", f".{last + further}.")
        assert torch.equal(D.state_dict()[own], weights[name])


def test_a_dcgans_layers_keep_their_numbers():
    (_, start), (_, D) = networks("dcgan", 64), networks("dcgan", 128)
    weights = start.state_dict()
    _copy(D, weights)
    assert torch.equal(D.state_dict()["body.8.weight"], weights["body.8.weight"])


@pytest.mark.parametrize("sizes", [(32, 64), (64, 32)])
def test_a_stylegan2s_colours_keep_their_strength(sizes):
    (start, _), (G, _) = networks("stylegan2", sizes[0]), networks("stylegan2", sizes[1])
    _copy(G, start.state_dict())
    features = torch.randn(2, start.to_pixels[0].conv.weight.shape[1], 4, 4)
    w = torch.randn(2, start.to_pixels[0].style.weight.shape[1])
    torch.testing.assert_close(G.to_pixels[0](features, w), start.to_pixels[0](features, w))
