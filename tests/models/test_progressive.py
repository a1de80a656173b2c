"""The growing pair against the paper's formulas, and continuous wherever it grows."""

import pytest
import torch
from torch.nn import functional as F

from ganvas.layers.growth import grow
from ganvas.layers.minibatch_stddev import MinibatchStddev
from ganvas.models import registry
from ganvas.models.base import on_sphere
from ganvas.models.progressive.config import Config

CONFIG = Config(z_dim=5, width=0.2)


@pytest.fixture
def pair():
    torch.manual_seed(0)
    G, D = registry.build(CONFIG, channels=3, resolution=32)
    with torch.no_grad():
        for weight in [*G.parameters(), *D.parameters()]:
            weight += 0.1 * torch.randn_like(weight)
    return G.double(), D.double()


@pytest.fixture
def z():
    return torch.randn(3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(4, 3, 32, 32, generator=generator, dtype=torch.float64)


def bent(x):
    return torch.where(x > 0, x, 0.2 * x)


def conv(x, weights, name, gain=2**0.5):
    kernel = weights[f"{name}.weight"]
    scaled = kernel * gain / kernel[0].numel() ** 0.5
    return F.conv2d(x, scaled, weights[f"{name}.bias"], padding=kernel.shape[-1] // 2)


def normed(x):
    return x / (x.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()


def squares(x, factor):
    return x.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)


def mean(x, factor):
    b, c, h, w = x.shape
    return x.reshape(b, c, h // factor, factor, w // factor, factor).mean((3, 5))


@pytest.mark.parametrize(("stage", "alpha"), [(0, 1.0), (1, 0.3), (2, 1.0), (3, 0.7), (3, 1.0)])
def test_the_generators_formula(stage, alpha, pair, z):
    G, w = pair[0], dict(pair[0].named_parameters())
    grow(G, max(stage - 1 + alpha, 0.0))
    sphere = z / z.square().mean(dim=1, keepdim=True).sqrt()
    lift = w["ascent.lift.weight"] * (2 / 5) ** 0.5
    start = (sphere @ lift.T + w["ascent.lift.bias"]).view(3, -1, 4, 4)
    maps = [normed(bent(conv(normed(bent(start)), w, "ascent.stages.0.0")))]
    for number in range(1, stage + 1):
        first = conv(squares(maps[-1], 2), w, f"ascent.stages.{number}.1")
        second = conv(normed(bent(first)), w, f"ascent.stages.{number}.4")
        maps.append(normed(bent(second)))
    rgb = conv(maps[-1], w, f"to_rgb.{stage}", gain=1)
    if alpha < 1:
        old = squares(conv(maps[-2], w, f"to_rgb.{stage - 1}", gain=1), 2)
        rgb = (1 - alpha) * old + alpha * rgb
    # The number is kept in fp32.
    torch.testing.assert_close(G(z), squares(rgb, 32 >> (2 + stage)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("stage", "alpha"), [(0, 1.0), (1, 0.3), (2, 1.0), (3, 0.7), (3, 1.0)])
def test_the_discriminators_formula(stage, alpha, pair, images):
    D, w = pair[1], dict(pair[1].named_parameters())
    grow(D, max(stage - 1 + alpha, 0.0))
    shown = mean(images, 32 >> (2 + stage))
    maps = bent(conv(shown, w, f"from_rgb.{4 << stage}.0"))
    for number in range(stage - 1, -1, -1):
        first = bent(conv(maps, w, f"halvings.{8 << number}.0"))
        maps = mean(bent(conv(first, w, f"halvings.{8 << number}.2")), 2)
        if number == stage - 1 and alpha < 1:
            old = bent(conv(mean(shown, 2), w, f"from_rgb.{4 << number}.0"))
            maps = (1 - alpha) * old + alpha * maps
    last = bent(conv(MinibatchStddev()(maps), w, "summary.1")).flatten(1)
    full = w["summary.4.weight"] * (2 / last.shape[1]) ** 0.5
    features = bent(last @ full.T + w["summary.4.bias"])
    head = w["head.linear.weight"] / features.shape[1] ** 0.5
    expected = (features @ head.T + w["head.linear.bias"]).squeeze(1)
    torch.testing.assert_close(D(images), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("whole", [0.0, 1.0, 2.0, 3.0])
def test_nothing_jumps_where_a_stage_begins_or_ends(whole, pair, z, images):
    tiny = 2.0**-20
    near = [grown for grown in (whole - tiny, whole + tiny) if 0 < grown < 3]
    for network, given in zip(pair, (z, images), strict=True):
        grow(network, whole)
        at_whole = network(given)
        for grown in near:
            grow(network, grown)
            assert not torch.equal(network(given), at_whole)
            torch.testing.assert_close(network(given), at_whole, atol=1e-3 * 2**-5, rtol=0)


def test_later_stages_get_no_gradient(pair, z):
    G, D = pair
    for network in pair:
        grow(network, 0.5)
    D(G(z)).sum().backward()
    used = {n for net in pair for n, w in net.named_parameters() if w.grad is not None}
    assert {"to_rgb.0.weight", "to_rgb.1.weight", "from_rgb.8.0.weight"} <= used
    assert not any(n.startswith(("ascent.stages.2", "to_rgb.2", "from_rgb.16")) for n in used)
    assert not any(n.startswith("halvings.16") for n in used)


def test_the_length_of_a_latent_plays_no_part(pair, z):
    G = pair[0]
    torch.testing.assert_close(G(3 * z), G(z))
    torch.testing.assert_close(on_sphere(z).square().mean(dim=1), torch.ones(3).double())
    assert torch.equal(on_sphere(torch.zeros(1, 5)), torch.zeros(1, 5))


def test_early_stages_are_cheap():
    """Golden sizes, and the cost of each stage: what a schedule can count on."""
    from torch.utils.flop_counter import FlopCounterMode

    G, D = registry.build(Config(), channels=3, resolution=32)
    sizes = [sum(w.numel() for w in net.parameters()) for net in (G, D)]
    assert sizes == GOLDEN_SIZES
    costs = []
    for stage in range(4):
        for network in (G, D):
            grow(network, float(stage))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            D(G(torch.randn(1, 128)))
        costs.append(round(counter.get_total_flops() / 1e6, 1))
    assert costs == GOLDEN_MEGAFLOP


GOLDEN_SIZES = [278_076, 212_433]
GOLDEN_MEGAFLOP = [2.8, 21.7, 50.1, 78.5]
