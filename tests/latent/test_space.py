"""Arcs keep the length of latents, walks are even and closed."""

import math

import numpy as np
import pytest
import torch
from test_generate import network

from ganvas.core.errors import ConfigError
from ganvas.latent.generate import generate
from ganvas.latent.space import held, slerp, space_of
from ganvas.latent.walk import along, path
from ganvas.models import registry
from ganvas.models.base import seeded_latents


def test_an_arc_keeps_the_length_and_goes_evenly() -> None:
    a, b = torch.nn.functional.normalize(seeded_latents([0, 1], 64).double(), dim=1) * 8
    share = torch.linspace(0, 1, 11, dtype=torch.float64)
    arc = slerp(a.expand(11, 64), b.expand(11, 64), share)
    torch.testing.assert_close(arc.norm(dim=1), torch.full((11,), 8.0).double())
    torch.testing.assert_close(arc[0], a)
    torch.testing.assert_close(arc[10], b)
    steps = arc.diff(dim=0).norm(dim=1)
    torch.testing.assert_close(steps, steps[:1].expand(10))
    angle = math.acos(float((a * b).sum()) / 64)
    assert steps.sum().item() == pytest.approx(16 * 10 * math.sin(angle / 20), rel=1e-9)
    middle = torch.lerp(a, b, 0.5).norm()
    assert middle < 7, "the straight line would leave the sphere"


def test_lengths_change_evenly_and_parallel_points_are_no_exception() -> None:
    a = torch.tensor([[2.0, 0.0]] * 3)
    for end in ([0.0, 4.0], [4.0, 0.0]):
        arc = slerp(a, torch.tensor([end] * 3), torch.tensor([0.0, 0.5, 1.0]))
        torch.testing.assert_close(arc.norm(dim=1), torch.tensor([2.0, 3.0, 4.0]))
    assert torch.isfinite(slerp(a, -a, torch.tensor([0.0, 0.5, 1.0]))).all()


def test_only_latents_that_are_too_long_are_shortened() -> None:
    z = seeded_latents(range(50), 64)
    torch.testing.assert_close(held(z), z)
    torch.testing.assert_close(held(3 * z).norm(dim=1), torch.full((50,), 10.0))


def test_a_walk_is_closed_and_even_whatever_the_distances() -> None:
    stations = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 9.0]])
    flat = space_of(network())._replace(between=lambda a, b, s: torch.lerp(a, b, s[:, None]))
    way = along(stations, flat, 200)
    torch.testing.assert_close(way[0], stations[0])
    steps = (way.roll(-1, 0) - way).norm(dim=1)
    length = 1 + 9 + math.sqrt(82)
    # A corner is cut by the one step that goes around it.
    assert steps.max() < 1.001 * length / 200
    assert (steps > 0.999 * length / 200).sum() >= 197
    torch.testing.assert_close(along(stations, flat, 400)[::2], way, atol=1e-5, rtol=1e-5)


def test_frames_are_equally_far_apart_and_the_last_leads_to_the_first() -> None:
    G = network("resnet")
    images = torch.stack(list(path(G, [0, 4, 9], 30)))
    (start,) = generate(G, [0])
    first = ((images[0].clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0)
    assert np.abs(first.numpy() - np.asarray(start)).max() < 1
    steps = (images.roll(-1, 0) - images).flatten(1).norm(dim=1)
    assert steps.max() < 3 * steps.min()
    assert (images[0] - images[15]).norm() > 3 * steps.max()


def test_a_walk_shows_one_class() -> None:
    G = network(num_classes=3)
    seen = []
    G.latent.register_forward_hook(lambda *called: seen.extend(called[-1][:, G.z_dim :]))
    list(path(G, [4, 5], 4))
    list(path(G, [4, 5], 4, label=2))
    embedded = G.latent(seeded_latents([0, 0], G.z_dim), torch.tensor([1, 2]))[:, G.z_dim :]
    torch.testing.assert_close(torch.stack(seen[:8]), embedded.repeat_interleave(4, 0))
    with pytest.raises(ConfigError, match="two different seeds"):
        next(path(G, [4, 4], 4))


def test_the_space_of_latents_renders_like_the_generator() -> None:
    G, z = network(), seeded_latents([3], 100)
    torch.testing.assert_close(space_of(G).render(space_of(G).points(z, None)), G(z))


@pytest.mark.parametrize("arch", registry.names())
def test_whoever_else_uses_the_generator_meanwhile_finds_it_as_it_was(arch: str) -> None:
    G, during = network(arch, num_classes=3), list[dict[str, int]]()
    before = {name: id(weight) for name, weight in G.named_parameters()}
    for module in G.modules():
        module.register_forward_hook(
            lambda *_: during.append({name: id(weight) for name, weight in G.named_parameters()})
        )
    list(path(G, [5], 2, label="0,2"))
    assert during
    assert all(one == before for one in during)


def test_each_station_may_have_its_own_class_and_variety() -> None:
    G = network(num_classes=3)
    stations = [(4, 2, 1.0), (8, None, 0.4), (5, 0, 0.7)]
    for first in range(3):
        seeds, labels, psi = zip(*(stations[first:] + stations[:first]), strict=True)
        image = next(path(G, seeds, 6, label=labels, psi=psi))
        z, shown = psi[0] * seeded_latents(seeds[:1], G.z_dim), labels[0]
        label = torch.tensor([seeds[0] % 3 if shown is None else shown])
        torch.testing.assert_close(image, G(z, label)[0])


@pytest.mark.parametrize("arch", registry.names())
def test_a_walk_of_classes_ends_at_each_class(arch: str) -> None:
    G = network(arch, num_classes=3)
    images = torch.stack(list(path(G, [5], 8, label="0,2")))
    z = seeded_latents([5, 5], G.z_dim)
    ends = G(z, torch.tensor([0, 2]))
    torch.testing.assert_close(images[::4], ends, atol=1e-5, rtol=1e-5)
    assert (images[2] - ends).abs().amax((1, 2, 3)).min() > 0, "between classes is neither"
    with pytest.raises(ConfigError, match="no class 7"):
        next(path(G, [5], 8, label="0,7"))
    with pytest.raises(ConfigError, match="without classes"):
        next(path(network(arch), [5], 8, label="0,1"))


def test_styles_are_walked_in_straight_lines_to_the_mean_and_back() -> None:
    G = network("stylegan2").requires_grad_(False)
    G.measure_mean()
    seen = []
    G.layers[0].register_forward_pre_hook(lambda _, inputs: seen.extend(inputs[1]))
    list(path(G, [0, 1], 40, psi=0.5))
    w = torch.stack(seen)
    mean, ends = G.w_mean, G.map(seeded_latents([0, 1], G.z_dim))[:, 0]
    torch.testing.assert_close(w[::20], mean + 0.5 * (ends - mean))
    torch.testing.assert_close(w[10], w[::20].mean(0))
    steps = (w.roll(-1, 0) - w).norm(dim=1)
    torch.testing.assert_close(steps, steps.mean().expand(40))


def test_psi_counts_where_only_the_direction_of_a_latent_does() -> None:
    G = network("progressive").requires_grad_(False)
    for weight in G.parameters():
        weight += 0.3 if weight.ndim == 1 else 0
    near, far = (torch.stack(list(path(G, [0, 1], 4, psi=psi))).std(0).mean() for psi in (0.3, 1))
    assert near < 0.95 * far
