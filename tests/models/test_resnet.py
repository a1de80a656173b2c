"""The residual pair: its start as a plain linear map, its formula, its sizes and its cost."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ganvas.core.device import Numerics
from ganvas.layers.blocks import ResidualBlock
from ganvas.layers.condition import LabelledLatent, ProjectionHead
from ganvas.layers.init import LEAKY_GAIN, fan_in
from ganvas.layers.pixel_norm import PixelNorm
from ganvas.layers.sizes import channels_at
from ganvas.models import registry
from ganvas.models.resnet.config import Config


def test_a_block_starts_as_the_identity() -> None:
    torch.manual_seed(0)
    block = ResidualBlock(64, depth=4)
    features = torch.randn(2, 64, 5, 5)
    assert torch.equal(block(features), features)
    # Four blocks of two convolutions: Fixup scales the first by 4 ** (-1 / 2).
    expected = LEAKY_GAIN / math.sqrt(64 * 9) / 2
    assert block.conv1.weight.std().item() == pytest.approx(expected, rel=0.02)


def test_the_leaky_gain_keeps_power_through_many_layers() -> None:
    torch.manual_seed(0)
    kept = lost = torch.randn(1000, 256)
    for _ in range(20):
        kept = F.leaky_relu(fan_in(nn.Linear(256, 256), LEAKY_GAIN)(kept), 0.2)
        lost = F.leaky_relu(fan_in(nn.Linear(256, 256))(lost), 0.2)
    assert 0.2 < kept.square().mean() < 5
    assert lost.square().mean() < 1e-4


def test_a_fresh_discriminator_sees_colours_not_pixels() -> None:
    """All blocks are identities, so the body up to the first bend is linear in the picture."""
    torch.manual_seed(0)
    _, D = registry.build(Config(), channels=3, resolution=32)
    linear = nn.Sequential(*list(D.body)[:-4])  # type: ignore[arg-type]
    one, two = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32)
    mixed = linear(0.3 * one + 0.7 * two)
    torch.testing.assert_close(mixed, 0.3 * linear(one) + 0.7 * linear(two), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("skip", [False, True])
def test_the_generators_formula(skip: bool) -> None:
    """Against the same layers written down with functions."""
    torch.manual_seed(0)
    config = Config(z_dim=5, width=0.25, skip=skip)
    G, _ = registry.build(config, channels=3, resolution=8, num_classes=2)
    G.double()
    with torch.no_grad():
        for weight in G.parameters():
            weight += 0.1 * torch.randn_like(weight)
    w = dict(G.named_parameters())

    def conv(features: Tensor, name: str) -> Tensor:
        kernel = w[f"{name}.weight"]
        return F.conv2d(features, kernel, w[f"{name}.bias"], padding=kernel.shape[-1] // 2)

    def bent(features: Tensor) -> Tensor:
        return torch.where(features > 0, features, 0.2 * features)

    def block(features: Tensor, name: str) -> Tensor:
        return features + conv(bent(conv(bent(features), f"{name}.conv1")), f"{name}.conv2")

    def doubled(features: Tensor) -> Tensor:
        return F.interpolate(features, scale_factor=2, mode="bilinear")

    z, label = torch.randn(3, 5).double(), torch.tensor([0, 1, 1])
    embedded = w["latent.embedding.weight"][label]
    embedded = embedded / embedded.square().mean(dim=1, keepdim=True).sqrt()
    latent = torch.cat([z, embedded], dim=1)
    start = latent @ w["start.0.weight"].T + w["start.0.bias"]
    four = block(start.view(3, 16, 4, 4), "stages.4.0")
    eight = block(doubled(conv(four, "stages.8.0.mix")), "stages.8.1")
    images = conv(bent(eight), "to_rgb.8.1")
    if skip:
        images = images + doubled(conv(bent(four), "to_rgb.4.1"))
    torch.testing.assert_close(G(z, label), images)


@pytest.mark.parametrize(
    ("resolution", "generator", "discriminator", "megaflop"),
    [(32, 310_147, 243_777, 32), (64, 311_235, 244_865, 43), (128, 312_475, 246_105, 87)],
)
def test_golden_sizes_and_costs(
    resolution: int, generator: int, discriminator: int, megaflop: int
) -> None:
    config = Config()
    pair = registry.build(config, channels=3, resolution=resolution)
    assert [sum(w.numel() for w in net.parameters()) for net in pair] == [generator, discriminator]
    given = (torch.randn(1, config.z_dim), torch.zeros(1, 3, resolution, resolution))
    for network, one in zip(pair, given, strict=True):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(one)
        assert round(counter.get_total_flops() / 1e6) == pytest.approx(megaflop, abs=1)


def test_a_convolution_costs_the_same_at_every_size() -> None:
    assert [channels_at(size, 4.0) for size in (4, 8, 16, 32, 64)] == [256, 256, 128, 64, 32]
    assert len({size * channels_at(size, 4.0) for size in (8, 16, 32, 64, 128, 256)}) == 1
    assert channels_at(256, 0.1) == 8


def test_the_folded_stem_is_cheaper_and_loses_nothing() -> None:
    torch.manual_seed(0)
    _, D = registry.build(Config(stem="fold"), channels=3, resolution=16)
    assert next(layer for layer in D.modules() if isinstance(layer, nn.Conv2d)).in_channels == 12
    images = torch.randn(1, 3, 16, 16, requires_grad=True)
    (slopes,) = torch.autograd.grad(D.features(images).sum(), images)
    assert (slopes != 0).all()


def test_pixel_norm_gives_every_pixel_the_same_length() -> None:
    features = torch.randn(2, 6, 3, 3, dtype=torch.float64) * 7
    lengths = PixelNorm()(features).square().mean(dim=1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths))


def test_the_label_is_as_loud_as_the_latent() -> None:
    torch.manual_seed(0)
    joined = LabelledLatent(64, 3)(torch.zeros(3, 64), torch.tensor([0, 1, 2]))
    torch.testing.assert_close(joined[:, 64:].square().mean(dim=1), torch.ones(3))


def test_the_projection_head() -> None:
    head = ProjectionHead(4, 3).double()
    features = torch.randn(2, 4).double()
    weight, bias = head.linear.weight[0], head.linear.bias
    assert head.embedding is not None
    for sample, label in zip(features, (2, 0), strict=True):
        expected = sample @ weight + bias[0] + sample @ head.embedding.weight[label]
        got = head(sample[None], torch.tensor([label]))
        torch.testing.assert_close(got[0], expected)


@pytest.mark.parametrize(("resolution", "fits"), [(8, True), (64, True), (28, False), (4, False)])
def test_sizes_are_powers_of_two(resolution: int, fits: bool) -> None:
    problem = Config().problem_with(resolution=resolution, alone=True)
    assert (problem is None) == fits
    assert fits or f"not {resolution}" in str(problem)


@pytest.mark.parametrize("arch", ["resnet", "vae"])
def test_maps_get_the_layout_of_the_convolutions(arch: str) -> None:
    """A fully connected layer starts in another one, and sums would carry that through G."""
    networks = registry.build(registry.parse({"arch": arch}), channels=3, resolution=16)
    maps: list[Tensor] = []
    for network in networks:
        Numerics(torch.device("cpu"), "fp32").place(network)
        for module in network.modules():
            if isinstance(module, ResidualBlock):
                module.register_forward_hook(lambda _, given, made: maps.append(made))
    G, observer = networks
    observer(G(torch.randn(2, G.z_dim)))
    assert len(maps) >= 4
    assert all(one.is_contiguous(memory_format=torch.channels_last) for one in maps)
