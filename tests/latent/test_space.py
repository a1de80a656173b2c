"""Arcs keep the length of latents, walks are even and closed."""

import math

import numpy as np
import pytest
import torch
from test_generate import network

from ganvas.core.errors import ConfigError
from ganvas.latent.generate import generate
from ganvas.latent.space import Space, held, slerp, space_of
from ganvas.latent.walk import along, path
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
    flat = Space(lambda z, _: z, lambda a, b, s: torch.lerp(a, b, s[:, None]), held, lambda p, _: p)
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
    G.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs[1].tolist()))
    list(path(G, [4, 5], 4))
    list(path(G, [4, 5], 4, label=2))
    assert seen == [1] * 4 + [2] * 4
    with pytest.raises(ConfigError, match="two different seeds"):
        next(path(G, [4, 4], 4))


def test_the_space_of_latents_renders_like_the_generator() -> None:
    G, z = network(), seeded_latents([3], 100)
    torch.testing.assert_close(space_of(G).render(space_of(G).points(z, None), None), G(z))
