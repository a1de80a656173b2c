"""A picture of the generator's own is found again, from a latent that nobody told."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_generate import network

from ganvas.core.errors import ConfigError, DataError
from ganvas.features.vgg import load_vgg19
from ganvas.latent.project import correlation, project_steps, read_target
from ganvas.models.base import seeded_latents


@pytest.fixture(scope="module")
def vgg():
    return load_vgg19()


def test_a_picture_of_a_known_latent_comes_back(vgg) -> None:
    torch.set_num_threads(1)
    G = network("resnet").requires_grad_(False)
    target = G(seeded_latents([1000], G.z_dim))
    *_, first, last = [*project_steps(G, target, num_steps=40, starts=2, candidates=8, vgg=vgg)][
        ::40
    ]
    assert (first.step, last.step, last.num_steps) == (0, 40, 40)
    errors = [float((found.image - target).square().mean()) for found in (first, last)]
    assert errors[1] < 0.2 * errors[0]
    assert last.loss < 0.3 * first.loss
    torch.testing.assert_close(G(last.rows), last.image)


def test_one_of_the_first_seeds_is_found_at_once_with_its_class(vgg) -> None:
    G = network(num_classes=3, resolution=16).requires_grad_(False)
    z = seeded_latents([17], G.z_dim)
    target = G(z, torch.tensor([17 % 3]))
    found = next(project_steps(G, target, starts=1, candidates=20, vgg=vgg))
    torch.testing.assert_close(found.rows, z)
    assert found.label == 2
    asked = next(project_steps(G, target, starts=1, candidates=4, label=1, vgg=vgg))
    assert asked.label == 1
    with pytest.raises(ConfigError, match="no class"):
        next(project_steps(G, target, label=7, vgg=vgg))


@pytest.fixture(scope="module")
def style_network():
    G = network("stylegan2", num_classes=2).requires_grad_(False)
    G.w_mean += 0.1
    for layer in G.layers:
        layer.noise_strength += 30
    return G


def test_styles_begin_at_their_mean_and_a_mixture_is_found_in_w_plus_alone(
    vgg, style_network
) -> None:
    G = style_network
    w = G.map(seeded_latents([1000, 1001], G.z_dim), torch.tensor([1, 1]))
    half = G.num_styles // 2
    target = G.synthesize(torch.cat([w[:1, :half], w[1:, half:]], dim=1))
    ends = {}
    for space, num in (("w", 1), ("w+", G.num_styles)):
        how = {"space": space, "label": 1, "starts": 1, "candidates": 4, "num_steps": 30}
        first, *_, last = project_steps(G, target, vgg=vgg, **how)
        torch.testing.assert_close(first.rows, G.w_mean[1].expand(num, -1))
        torch.testing.assert_close(G.synthesize(last.rows.expand(1, G.num_styles, -1)), last.image)
        ends[space] = float(last.loss / first.loss)
    assert ends["w+"] < 0.3
    assert ends["w+"] < 0.7 * ends["w"]


def test_noise_is_found_too_and_stays_noise(vgg, style_network) -> None:
    G, seen = style_network, []
    layer = G.layers[-1]
    layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    w = G.map(seeded_latents([1000], G.z_dim), torch.tensor([0]))
    generator = torch.Generator().manual_seed(0)
    other = [torch.randn(one.shape, generator=generator) for one in G.fixed_noise()]
    how = {"label": 0, "starts": 1, "candidates": 4, "num_steps": 15, "vgg": vgg}
    *_, without = project_steps(G, G.synthesize(w, other), **how)
    *_, found = project_steps(G, G.synthesize(w, other), noise=True, **how)
    assert found.loss < without.loss
    noise = seen[-1].double()
    assert noise.mean().abs() < 1e-6
    assert noise.square().mean().item() == pytest.approx(1, abs=1e-3)
    assert not torch.allclose(noise, layer.noise.double())
    assert correlation(noise) < 0.1 * correlation(layer.noise)


def test_the_correlation_of_noise_is_that_of_the_paper() -> None:
    noise = torch.randn(2, 1, 16, 16, dtype=torch.float64)
    expected = 0.0
    for sample in noise[:, 0].numpy():
        half = 2 * sample.reshape(8, 2, 8, 2).mean((1, 3))
        for size, values in ((16, sample), (8, half)):
            for dy, dx in ((0, 1), (1, 0)):
                shifted = [
                    [values[(y - dy) % size, (x - dx) % size] for x in range(size)]
                    for y in range(size)
                ]
                expected += (values * np.array(shifted)).mean() ** 2
    assert correlation(noise).item() == pytest.approx(expected, rel=1e-9)


def test_what_a_search_cannot_do_is_refused(vgg, style_network) -> None:
    target = torch.zeros(1, 3, 16, 16)
    for G, how, part in (
        (network(), {"space": "w+"}, "no styles: train one with --arch stylegan2"),
        (network(), {"noise": True}, "in space w or w+"),
        (style_network, {"space": "z", "noise": True}, "in space w or w+"),
    ):
        with pytest.raises(ConfigError, match=re.escape(part)):
            next(project_steps(G, target, vgg=vgg, **how))


def test_a_photo_is_seen_as_in_the_training(tmp_path: Path) -> None:
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = (255, 0, 0)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    colour = read_target(tmp_path / "photo.png", network())
    assert colour.shape == (1, 3, 16, 16)
    torch.testing.assert_close(colour.mean((0, 2, 3)), torch.tensor([1.0, -1.0, -1.0]))
    grey = read_target(tmp_path / "photo.png", network(channels=1))
    assert grey.mean().item() == pytest.approx(2 * 0.299 - 1, abs=0.01)
    with pytest.raises(DataError, match=r"nothing\.png"):
        read_target(tmp_path / "nothing.png", network())
