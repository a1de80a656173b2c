"""A picture of the generator's own is found again, from a latent that nobody told."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_generate import network

from ganvas.core.errors import ConfigError, DataError
from ganvas.features.vgg import load_vgg19
from ganvas.latent.project import project_steps, read_target
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
    torch.testing.assert_close(G(last.point[None]), last.image)


def test_one_of_the_first_seeds_is_found_at_once_with_its_class(vgg) -> None:
    G = network(num_classes=3, resolution=16).requires_grad_(False)
    z = seeded_latents([17], G.z_dim)
    target = G(z, torch.tensor([17 % 3]))
    found = next(project_steps(G, target, starts=1, candidates=20, vgg=vgg))
    torch.testing.assert_close(found.point, z[0])
    assert found.label == 2
    asked = next(project_steps(G, target, starts=1, candidates=4, label=1, vgg=vgg))
    assert asked.label == 1
    with pytest.raises(ConfigError, match="no class"):
        next(project_steps(G, target, label=7, vgg=vgg))


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
