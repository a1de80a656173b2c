"""The pair of all sizes: phi as in the paper, pictures and pyramids judged alike."""

import pytest
import torch
from torch.nn import functional as F

from ganvas.layers.minibatch_stddev import MinibatchStddev
from ganvas.layers.pyramid import flatten, pyramid
from ganvas.models import registry
from ganvas.models.msg.config import Config


def made(phi="lin-cat", pack=1, resolution=16, z_dim=5):
    torch.manual_seed(0)
    config = Config(z_dim=z_dim, width=0.2, phi=phi)
    G, D = registry.build(config, channels=3, resolution=resolution, pack=pack)
    with torch.no_grad():
        for weight in [*G.parameters(), *D.parameters()]:
            weight += 0.1 * torch.randn_like(weight)
    return G.double(), D.double()


def normal(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bent(x):
    return torch.where(x > 0, x, 0.2 * x)


def conv(x, weights, name, gain=2**0.5):
    kernel = weights[f"{name}.weight"]
    scaled = kernel * gain / kernel[0].numel() ** 0.5
    return F.conv2d(x, scaled, weights[f"{name}.bias"], padding=kernel.shape[-1] // 2)


@pytest.mark.parametrize("phi", ["simple", "lin-cat", "cat-lin"])
def test_the_discriminators_formula(phi):
    _, D = made(phi)
    w = dict(D.named_parameters())
    scales = [normal(4, 3, size, size, seed=size) for size in (4, 8, 16)]
    maps = bent(conv(scales[2], w, "from_rgb.0"))
    for number in (1, 0):
        maps = bent(conv(maps, w, f"halvings.{8 << number}.0"))
        maps = bent(conv(maps, w, f"halvings.{8 << number}.2"))
        b, c, h, width = maps.shape
        maps = maps.reshape(b, c, h // 2, 2, width // 2, 2).mean((3, 5))
        images = scales[number]
        if phi == "simple":
            maps = torch.cat([maps, images], dim=1)
        elif phi == "lin-cat":
            maps = torch.cat([maps, conv(images, w, f"joins.{4 << number}.before", gain=1)], dim=1)
        else:
            maps = conv(torch.cat([maps, images], dim=1), w, f"joins.{4 << number}.behind", gain=1)
    last = bent(conv(MinibatchStddev()(maps), w, "summary.1")).flatten(1)
    full = w["summary.4.weight"] * (2 / last.shape[1]) ** 0.5
    features = bent(last @ full.T + w["summary.4.bias"])
    torch.testing.assert_close(D.features(flatten(scales)), features)


def test_pictures_are_judged_as_their_pyramid():
    _, D = made()
    images = normal(4, 3, 16, 16)
    torch.testing.assert_close(D(images), D(flatten(pyramid(images))))


def test_packed_pyramids_are_judged_as_packed_pictures():
    _, D = made(pack=2)
    images = normal(4, 3, 16, 16)
    flat = flatten(pyramid(images))
    packed = images.reshape(2, 6, 16, 16), flat.reshape(2, -1, 1, 1)
    torch.testing.assert_close(D(packed[0]), D(packed[1]))


def test_each_size_has_its_own_colours_and_the_largest_is_the_picture():
    G, _ = made()
    z = normal(2, 5)
    scales = G.scales(z)
    assert [tuple(images.shape[1:]) for images in scales] == [(3, s, s) for s in (4, 8, 16)]
    assert torch.equal(scales[-1], G(z))
    torch.testing.assert_close(G.scales(3 * z)[0], scales[0])
    scales[0].sum().backward()
    used = {name for name, weight in G.named_parameters() if weight.grad is not None}
    assert "to_rgb.0.weight" in used
    assert "to_rgb.1.weight" not in used


def test_the_sum_of_squared_slopes_runs_over_all_sizes():
    """The penalty on the one tensor, against the slope at each size taken for itself."""
    from ganvas.losses import penalties

    _, D = made()
    scales = [normal(4, 3, size, size, seed=size).requires_grad_() for size in (4, 8, 16)]
    slopes = torch.autograd.grad(D(flatten(scales)).sum(), scales)
    expected = sum(slope.square().sum((1, 2, 3)) for slope in slopes)
    flat = flatten(scales).detach().requires_grad_()
    torch.testing.assert_close(penalties.zero_centered(flat, D(flat)), expected.mean())

    others = [normal(4, 3, size, size, seed=size + 1) for size in (4, 8, 16)]
    mix = torch.linspace(0, 1, 4, dtype=torch.float64)
    share = mix[:, None, None, None]
    between = [
        (share * one + (1 - share) * other).detach().requires_grad_()
        for one, other in zip(scales, others, strict=True)
    ]
    slopes = torch.autograd.grad(D(flatten(between)).sum(), between)
    lengths = sum(slope.square().sum((1, 2, 3)) for slope in slopes).sqrt()
    found = penalties.one_centered(D, flatten(scales).detach(), flatten(others), mix)
    torch.testing.assert_close(found, (lengths - 1).square().mean())
