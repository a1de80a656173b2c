"""The lesson's fully connected pair: its sizes, its formula, and points in a plane."""

import numpy as np
import pytest
import torch
from torch import nn

from ganvas.models import registry
from ganvas.models.base import Shape
from ganvas.models.mlp.config import Config
from ganvas.models.mlp.networks import Discriminator, Generator


def num_parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_the_lessons_sizes() -> None:
    G, D = registry.build(Config(), channels=1, resolution=28)
    hidden = 100 * 256 + 256 * 512 + 512 * 1024 + 2 * (256 + 512 + 1024)
    assert num_parameters(G) == hidden + 1024 * 784 + 784 == 1_488_144
    assert num_parameters(D) == 784 * 512 + 512 + 512 * 256 + 256 + 256 + 1 == 533_505
    norms = [layer for layer in G.modules() if isinstance(layer, nn.BatchNorm1d)]
    assert [layer.momentum for layer in norms] == [0.2, 0.2, 0.2]
    assert not any(isinstance(layer, nn.BatchNorm1d) for layer in D.modules())


def test_the_formula() -> None:
    """Against the same layers written down in numpy."""
    torch.manual_seed(0)
    config = Config(z_dim=4, hidden_g=(6, 5), hidden_d=(7, 3))
    G = Generator(config, Shape(channels=2, resolution=3)).double()
    G(torch.randn(64, 4).double())  # moves the running statistics of batch norm
    G.eval()
    D = Discriminator(config, Shape(channels=2, resolution=3, pack=2)).double().eval()
    state = {name: value.numpy() for name, value in G.state_dict().items()}

    def bend(numbers: np.ndarray) -> np.ndarray:
        return np.where(numbers > 0, numbers, 0.2 * numbers)

    def normalised(numbers: np.ndarray, layer: str) -> np.ndarray:
        mean, var = state[f"{layer}.running_mean"], state[f"{layer}.running_var"]
        scaled = (numbers - mean) / np.sqrt(var + 1e-5)
        return np.asarray(scaled * state[f"{layer}.weight"] + state[f"{layer}.bias"])

    z = torch.randn(5, 4).double()
    first = bend(normalised(z.numpy() @ state["hidden.0.weight"].T, "hidden.1"))
    second = bend(normalised(first @ state["hidden.3.weight"].T, "hidden.4"))
    pixels = np.tanh(second @ state["pixels.weight"].T + state["pixels.bias"])
    np.testing.assert_allclose(
        G(z).detach().numpy(), pixels.reshape(5, 2, 3, 3), rtol=1e-10, atol=1e-12
    )
    state = {name: value.numpy() for name, value in D.state_dict().items()}
    images = torch.rand(5, 4, 3, 3).double()
    features = images.numpy().reshape(5, 36)
    for layer in ("hidden.1", "hidden.3"):
        features = bend(features @ state[f"{layer}.weight"].T + state[f"{layer}.bias"])
    np.testing.assert_allclose(D.features(images).detach().numpy(), features, rtol=1e-10)
    logits = features @ state["head.linear.weight"][0] + state["head.linear.bias"]
    np.testing.assert_allclose(D(images).detach().numpy(), logits, rtol=1e-10)


def test_points_in_a_plane() -> None:
    hidden = (512, 512, 512)
    config = Config(z_dim=2, hidden_g=hidden, hidden_d=hidden, norm="none", out="linear")
    assert config.problem_with(resolution=1, alone=True) is None
    torch.manual_seed(0)
    G, D = registry.build(config, channels=2, resolution=1)
    points = 100 * G(torch.randn(7, 2))
    assert points.shape == (7, 2, 1, 1)
    assert points.abs().max() > 1, "a linear output is not bounded"
    assert D(points).shape == (7,)
    assert num_parameters(G) == 2 * 512 + 512 + 2 * (512 * 512 + 512) + 512 * 2 + 2


@pytest.mark.parametrize(("resolution", "fits"), [(1, True), (28, True), (64, True), (96, False)])
def test_large_pictures_are_refused_with_a_way_out(resolution: int, fits: bool) -> None:
    problem = Config().problem_with(resolution=resolution, alone=True)
    assert (problem is None) == fits
    if problem:
        assert "64 px, not 96" in problem
        assert "resnet" in problem
