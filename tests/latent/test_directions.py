"""Directions solve their equations, and a step along one does what it says."""

import numpy as np
import pytest
import torch
from test_generate import network
from torch import nn

from ganvas.core.errors import ConfigError
from ganvas.core.rng import rng
from ganvas.latent.directions import STEPS, directions, moved, sheet, step
from ganvas.latent.generate import generate
from ganvas.latent.space import space_of
from ganvas.latent.walk import path
from ganvas.layers.equalized import EqualizedLinear
from ganvas.models import registry
from ganvas.models.base import LATENTS, StyleGenerator, seeded_latents

FIRST = (EqualizedLinear, nn.Linear, nn.ConvTranspose2d)


@pytest.mark.parametrize("num_classes", [0, 3])
@pytest.mark.parametrize("arch", registry.names())
def test_directions_are_those_along_which_the_first_layer_changes_most(arch, num_classes):
    G, seen = network(arch, num_classes=num_classes), []
    layers = [module for module in G.modules() if isinstance(module, FIRST)][:1]
    if isinstance(G, StyleGenerator):
        layers = [module for name, module in G.named_modules() if name.endswith(".style")]
    for layer in layers:
        layer.register_forward_hook(lambda *called: seen.append(called[-1].flatten(1).double()))
    found, space = directions(G), space_of(G)
    label = torch.tensor([1]) if num_classes else None
    point = space.points(seeded_latents([0], G.z_dim), label)
    dims = point.shape[2]
    with torch.no_grad():
        for steps in (torch.eye(dims), torch.zeros(dims, dims)):
            space.render(moved(space, point.expand(dims, -1, -1), steps))
    forward, still = (torch.cat(part, 1) for part in (seen[: len(layers)], seen[-len(layers) :]))
    A, vectors = (forward - still).T, found.vectors.double()
    torch.testing.assert_close(vectors @ vectors.T, torch.eye(dims).double(), atol=1e-5, rtol=0)
    expected = found.strengths.double()[:, None] * vectors
    size = float(found.strengths[0])
    torch.testing.assert_close(vectors @ (A.T @ A), expected, atol=1e-4 * size, rtol=0)
    assert (found.strengths.diff() <= 0).all()
    assert found.strengths[0] > 1.1 * found.strengths[dims // 2]


@pytest.mark.parametrize("num_classes", [0, 2])
def test_principal_components_are_those_of_numpy(num_classes):
    G = network("stylegan2", num_classes=num_classes)
    z = torch.randn(LATENTS, G.z_dim, generator=rng(0, "directions"))
    label = torch.arange(LATENTS) % num_classes if num_classes else None
    w = G.map(z, label)[:, 0].detach().double().numpy()
    _, sizes, rows = np.linalg.svd(w - w.mean(0), full_matrices=False)
    found = directions(G, "pca")
    np.testing.assert_allclose(found.strengths, sizes**2 / (LATENTS - 1), rtol=1e-3, atol=1e-6)
    same = np.abs((found.vectors.numpy()[:5] * rows[:5]).sum(1))
    np.testing.assert_allclose(same, 1, atol=1e-3)
    np.testing.assert_allclose(found.spread[:5] ** 2, found.strengths[:5], rtol=1e-3)


def test_a_step_is_a_standard_deviation_along_the_direction_named():
    G = network(num_classes=3)
    found = directions(G)
    torch.testing.assert_close(found.spread, torch.ones(G.z_dim), atol=0.1, rtol=0)
    torch.testing.assert_close(step(G, "3"), found.vectors[2] * found.spread[2])
    for name in ("0", "101", "x", "", "-1", "1.5"):
        with pytest.raises(ConfigError, match=f"no direction '{name}'; choose from 1 to 100"):
            step(G, name)
    with pytest.raises(ConfigError, match="no styles: train one with --arch stylegan2"):
        step(G, "pca1")
    styles = network("stylegan2")
    pca = directions(styles, "pca")
    torch.testing.assert_close(step(styles, "pca2"), pca.vectors[1] * pca.spread[1])


@pytest.mark.parametrize("arch", ["dcgan", "stylegan2"])
def test_the_sheet_has_the_seed_in_the_middle_and_walks_reach_its_ends(arch):
    G = network(arch, num_classes=2)
    cells = sheet(G, 1, num=3, by=2.0)[2:, 2:]
    cells = cells.reshape(3, 18, STEPS, 18, 3).transpose(0, 2, 1, 3, 4)[:, :, :16, :16]
    seed = np.asarray(generate(G, [1])[0], np.int16)
    for row in cells:
        assert np.abs(row[STEPS // 2] - seed).max() <= 1
    frames = torch.stack(list(path(G, [1], 8, direction="2", by=2.0)))
    ends = ((frames[::4].clamp(-1, 1) + 1) * 127.5).permute(0, 2, 3, 1).numpy()
    assert np.abs(ends - cells[1, [0, -1]]).max() < 1
    assert np.abs(ends[0] - ends[1]).max() > 1
