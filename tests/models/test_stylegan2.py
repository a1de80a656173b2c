"""StyleGAN2's parts against the paper's formulas, and what its space of styles promises."""

import math

import pytest
import torch
from torch.nn import functional as F

from ganvas.latent.fold import compute_in_bf16
from ganvas.latent.space import space_of
from ganvas.layers.minibatch_stddev import MinibatchStddev
from ganvas.models import registry
from ganvas.models.stylegan2.config import Config, channels_at
from ganvas.models.stylegan2.networks import Discriminator, Generator, Halving, StyledLayer

SMALL = {"base": 64, "most": 8, "z_dim": 8, "w_dim": 6}


def pair(resolution=16, *, num_classes=0, seed=0, **changes):
    torch.manual_seed(seed)
    config = Config.from_dict(SMALL | changes)
    return registry.build(config, channels=3, resolution=resolution, num_classes=num_classes)


def shaken(network):
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=generator)
    return network


def normal(*shape, seed=3):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def lrelu(values):
    """The paper's activation: slope .2, then a gain of sqrt 2."""
    return math.sqrt(2) * F.leaky_relu(values, 0.2)


def test_the_mapping_is_that_of_the_paper():
    G = shaken(pair(mapping_layers=3)[0]).double()
    z = normal(4, 8)
    w = z / (z**2).mean(dim=1, keepdim=True).add(1e-8).sqrt()
    for layer in G.mapping.layers[::2]:
        weight = layer.weight * 0.01 / math.sqrt(layer.weight.shape[1])
        # The paper's gain works on the bias too; ours stands in front of it.
        w = lrelu(w @ weight.T + 0.01 * layer.bias / math.sqrt(2))
    styles = G.map(z)
    assert styles.shape == (4, G.num_styles, 6)
    for layer in range(G.num_styles):
        torch.testing.assert_close(styles[:, layer], w)
    torch.testing.assert_close(G.map(100 * z), styles)


@pytest.mark.parametrize("fresh_noise", [True, False])
def test_a_styled_layer_is_that_of_the_paper(fresh_noise):
    torch.manual_seed(0)
    layer = shaken(StyledLayer(4, 5, size=(6, 6), w_dim=3, up=False)).double()
    features, w, noise = normal(2, 4, 6, 6), normal(2, 3, seed=4), normal(2, 1, 6, 6, seed=5)
    styles = w @ (layer.style.weight / math.sqrt(3)).T + layer.style.bias
    for sample in range(2):
        weight = layer.conv.weight * styles[sample][None, :, None, None] / math.sqrt(4 * 9)
        weight = weight / (weight**2).sum(dim=(1, 2, 3), keepdim=True).add(1e-8).sqrt()
        expected = F.conv2d(features[sample : sample + 1], weight, padding=1)
        added = noise[sample] if fresh_noise else layer.noise[0]
        # sqrt 2 of the activation, which the paper gives to noise and bias as well.
        expected = (
            expected + (0.01 * added * layer.noise_strength + layer.bias[:, None, None]) / 2**0.5
        )
        found = layer(features, w, noise if fresh_noise else None)[sample : sample + 1]
        torch.testing.assert_close(found, lrelu(expected))


def test_pictures_are_summed_over_all_sizes():
    G = shaken(pair(16)[0]).double()
    w = normal(2, G.num_styles, 6)
    parts = []
    for to_pixels in G.to_pixels:
        to_pixels.register_forward_hook(lambda module, args, out: parts.append(out))
    images = G.synthesize(w)
    assert [part.shape[-1] for part in parts] == [4, 8, 16]
    total = parts[0]
    for part in parts[1:]:
        sparse = torch.zeros_like(part)
        sparse[..., ::2, ::2] = total
        kernel = torch.tensor([1.0, 3, 3, 1], dtype=torch.float64) / 4
        kernel = (kernel[:, None] * kernel).expand(3, 1, 4, 4)
        total = part + F.conv2d(F.pad(sparse, (2, 1, 2, 1)), kernel, groups=3)
    torch.testing.assert_close(images, total)


def test_a_layer_follows_its_own_style_alone():
    G = shaken(pair(16)[0])
    w = normal(1, G.num_styles, 6).float()
    seen = []
    for layer in G.layers:
        layer.register_forward_hook(lambda module, args, out: seen.append(args[1]))
    G.synthesize(w)
    assert len(seen) == G.num_styles - 1 == 5
    assert all(torch.equal(style, w[:, index]) for index, style in enumerate(seen))
    changed = w.clone()
    changed[:, -1] += 1
    assert not torch.equal(G.synthesize(changed), G.synthesize(w)), "the last is for the pixels"


def test_a_halving_block_is_that_of_the_paper():
    torch.manual_seed(0)
    block = shaken(Halving(3, 5)).double()
    features = normal(2, 3, 8, 6)
    taps = torch.tensor([1.0, 3, 3, 1], dtype=torch.float64) / 8
    kernel = (taps[:, None] * taps).expand(3, 1, 4, 4)

    def halved(maps, padding, weight):
        blurred = F.conv2d(F.pad(maps, [padding] * 4), kernel, groups=3)
        return F.conv2d(blurred, weight / math.sqrt(weight[0].numel()), stride=2)

    bias1, bias2 = (bias[:, None, None] for bias in (block.conv1.bias, block.conv2.bias))
    branch = F.conv2d(features, block.conv1.weight / math.sqrt(27), padding=1)
    branch = lrelu(branch + bias1 / math.sqrt(2))
    branch = lrelu(halved(branch, 2, block.conv2.weight) + bias2)
    expected = (branch + halved(features, 1, block.skip.weight)) / math.sqrt(2)
    torch.testing.assert_close(block(features), expected)


def test_without_stddev_no_sample_sees_another():
    _, D = pair(16, stddev_group=0)
    assert not any(isinstance(module, MinibatchStddev) for module in D.modules())
    images = normal(3, 3, 16, 16).float()
    torch.testing.assert_close(D(images)[:1], D(images[:1]))
    _, mixing = pair(16)
    assert not torch.allclose(mixing(images)[:1], mixing(images[:1]))


@pytest.mark.parametrize("num_classes", [0, 3])
def test_the_mean_style_is_that_of_many_latents_of_a_class(num_classes):
    G = shaken(pair(8, num_classes=num_classes)[0])
    G.measure_mean()
    for number in range(max(1, num_classes)):
        label = torch.full((20000,), number) if num_classes else None
        w = G.map(normal(20000, 8).float(), label)[:, 0]
        assert ((G.w_mean[number] - w.mean(dim=0)).abs() < 0.1 * w.std(dim=0)).all()


def truncated(G, z, psi):
    space = space_of(G)
    return space.render(space.typical(space.points(z, None), None, psi))


def test_truncation_moves_styles_in_a_straight_line():
    G = shaken(pair(8)[0])
    G.measure_mean()
    z = normal(2, 8).float()
    halfway = 0.5 * G.map(z) + 0.5 * G.w_mean[:, None]
    torch.testing.assert_close(truncated(G, z, 0.5), G.synthesize(halfway))


def test_noise_is_fixed_unless_given_and_drawn_for_each_sample():
    G = shaken(pair(8)[0])
    z = normal(2, 8).float()
    assert torch.equal(G(z), G(z))
    fixed = G.fixed_noise()
    assert [tuple(noise.shape) for noise in fixed] == [(1, 1, s, s) for s in (4, 8, 8)]
    assert torch.equal(G.synthesize(G.map(z), fixed), G(z))
    other = [torch.cat([noise, -noise]) for noise in fixed]
    images = G.synthesize(G.map(z), other)
    torch.testing.assert_close(images[0], G(z)[0])
    assert not torch.allclose(images[1], G(z)[1])


def test_bf16_changes_pictures_by_little_with_and_without_truncation():
    G = shaken(pair(16, base=256, most=16)[0]).eval()
    G.measure_mean()
    z = normal(4, 8).float()
    exact = G(z), truncated(G, z, 0.5)
    compute_in_bf16(G)
    for one, rough in zip(exact, (G(z), truncated(G, z, 0.5)), strict=True):
        assert (one - rough.float()).abs().mean() < 0.03 * one.std()


@pytest.mark.parametrize("resolution", [8, 64, 256])
def test_every_power_of_two_is_made(resolution):
    G, D = pair(resolution)
    assert (type(G), type(D)) == (Generator, Discriminator)
    assert D(G(normal(2, 8).float())).shape == (2,)
    assert G.num_styles == 2 * int(math.log2(resolution)) - 2


def test_channels_and_sizes_are_those_of_the_paper():
    paper = Config(base=32768, most=512)
    assert [channels_at(size, paper) for size in (4, 64, 128, 1024)] == [512, 512, 256, 32]
    assert Config().problem_with(resolution=28, alone=False) is not None


@pytest.mark.slow
def test_it_exports_with_batches_of_any_size():
    G = shaken(pair(8)[0]).eval().requires_grad_(False)
    sizes = {0: torch.export.Dim("b", min=2, max=64)}
    program = torch.export.export(G, (normal(3, 8).float(),), dynamic_shapes=(sizes,))
    assert not any("autocast" in str(node.target) for node in program.graph.nodes)
    for batch in (2, 5):
        z = normal(batch, 8, seed=batch).float()
        torch.testing.assert_close(program.module()(z), G(z))
