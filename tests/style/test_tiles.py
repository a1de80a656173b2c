"""Tiles: they cover a picture once, see far enough, and give the whole picture's gradient."""

import numpy as np
import pytest
import torch
from drawings import drawn_painting, drawn_photo

from ganvas.core import pixels
from ganvas.core.device import Numerics
from ganvas.features.vgg import LAYERS, load_vgg19
from ganvas.style import tiles
from ganvas.style.config import complete
from ganvas.style.objective import Look, Objective, Painting, Region, Scene, layers_at, stride


@pytest.mark.parametrize(
    ("height", "width", "tile_px"), [(300, 517, 256), (64, 64, 64), (700, 90, 224)]
)
def test_tiles_cover_every_position_once(height, width, tile_px):
    found = tiles.cut(height, width, tile_px)
    for layer in ("relu1_1", "relu3_1", "relu5_1"):
        step = stride(layer)
        counts = torch.zeros(height // step, width // step)
        for tile in found:
            top, bottom, left, right = tile.span(step)
            counts[top:bottom, left:right] += 1
        assert counts.min() == counts.max() == 1
    for tile in found:
        top, bottom, left, right = tile.outer
        assert bottom - top <= max(tile_px, 2 * tiles.HALO + tiles.STEP)
        assert right - left <= max(tile_px, 2 * tiles.HALO + tiles.STEP)


def test_the_halo_is_as_wide_as_the_deepest_layer_looks():
    vgg = load_vgg19()
    images = torch.rand(1, 3, 208, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    vgg(images, LAYERS[-1:])["relu5_1"][..., 6, :].sum().backward()
    seen = images.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    own = range(6 * 16, 7 * 16)
    assert own[0] - seen[0] <= tiles.HALO
    assert seen[-1] - own[-1] <= tiles.HALO
    assert own[0] - seen[0] > tiles.HALO / 2  # And not much more than needed.


def objective(settings, tile_px, regions):
    config = complete({"precision": "fp32"} | settings)
    size = (192, 330)
    photo = np.asarray(drawn_photo(size[1], size[0]))
    painting = np.asarray(drawn_painting(96))
    scene = Scene(
        pixels.from_arrays(photo[None].copy()).contiguous(),
        None,
        regions,
        (Painting(pixels.from_arrays(painting[None].copy()).contiguous(), None),),
    )
    numerics = Numerics(torch.device("cpu"), "fp32")
    look = Look(load_vgg19(), numerics, *layers_at(config, 128))
    return Objective(config, look, scene, tile_px)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [{}, {"loss": "gram", "content_form": "sum"}, {"strength": 0.5}]
)
def test_the_tiled_gradient_is_the_whole_ones(settings):
    ramp = torch.linspace(0, 1, 330).expand(1, 1, 192, 330)
    regions = (
        (Region(ramp, (1.0,)), Region(1 - ramp, (1.0,)))
        if not settings
        else (Region(None, (1.0,)),)
    )
    whole, tiled = (objective(settings, tile_px, regions) for tile_px in (None, 272))
    image = whole.scene.content * 0.7
    (total, gradient), (tiled_total, tiled_gradient) = whole(image), tiled(image)
    assert len(tiles.cut(192, 330, 272)) > 1
    torch.testing.assert_close(tiled_total, total, rtol=1e-4, atol=1e-6)
    assert (tiled_gradient - gradient).norm() / gradient.norm() < 1e-4
    for name, value in whole.losses.items():
        torch.testing.assert_close(tiled.losses[name], value, rtol=1e-4, atol=1e-6)


def test_at_strength_0_the_photo_is_where_the_gradient_ends():
    still = objective({"strength": 0.0}, None, (Region(None, (1.0,)),))
    _, gradient = still(still.scene.content)
    assert float(gradient.abs().max()) == 0


def test_tiles_are_chosen_from_free_memory():
    whole = tiles.needed_bytes(2048, 1536, "bf16", None)
    assert tiles.choose_tile_px(2048, 1536, "bf16", 3 * whole) is None
    tile_px = tiles.choose_tile_px(2048, 1536, "bf16", whole)
    assert 256 <= tile_px < 2048
    assert tiles.needed_bytes(2048, 1536, "bf16", tile_px) < whole
    assert tiles.choose_tile_px(20_000, 20_000, "fp32", 10**6) == 2 * tiles.HALO + 4 * tiles.STEP
    assert tiles.free_bytes(torch.device("cpu")) > 10**6
