"""VGG-19 against an independent float64 network, and the vector made from it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file
from torch import Tensor

from ganvas.core.errors import ConfigError
from ganvas.core.pixels import from_arrays
from ganvas.features.vgg import EMBED_LAYERS, LAYERS, VGG19, WEIGHTS, embed, load_vgg19, resized

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "photos"


@pytest.fixture(scope="module")
def vgg() -> VGG19:
    return load_vgg19()


def made_picture(size_px: int = 64) -> Tensor:
    """Rings, a slope and a square: the same float image on every machine."""
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, size_px)] * 2, indexing="ij")
    rings = torch.cos(14 * (x**2 + y**2))
    square = ((x - 0.3).abs() < 0.25) & ((y + 0.2).abs() < 0.4)
    picture = torch.stack([0.8 * rings, 0.6 * x + 0.3 * y, -0.5 * rings * x])
    return torch.where(square, picture.flip(0) * 0.5 + 0.2, picture)[None].float()


def caffe_activations(
    picture: np.ndarray, *, average: bool = False
) -> Iterator[tuple[str, np.ndarray]]:
    """The original network in numpy and float64: BGR in 0..255 minus the means, no factors."""
    packed = load_file(WEIGHTS)
    hidden = (
        picture[:, :, ::-1].transpose(2, 0, 1) - np.array([103.939, 116.779, 123.68])[:, None, None]
    )
    for name in LAYERS:
        weight = packed[f"{name}.table"].astype(np.float64)[packed[f"{name}.index"]]
        if name == "relu1_1":
            weight = weight[..., ::-1] / 127.5
        elif name.endswith("_1"):
            c, h, w = hidden.shape
            windows = hidden.reshape(c, h // 2, 2, w // 2, 2)
            hidden = windows.mean((2, 4)) if average else windows.max((2, 4))
        height, width = hidden.shape[1:]
        padded = np.pad(hidden, ((0, 0), (1, 1), (1, 1)))
        hidden = packed[f"{name}.bias"].astype(np.float64)[:, None, None] + sum(
            np.tensordot(weight[:, i, j], padded[:, i : i + height, j : j + width], axes=1)
            for i in range(3)
            for j in range(3)
        )
        hidden = np.maximum(hidden, 0)
        yield name, hidden


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_every_layer_is_the_original_network_times_its_factor(pooling: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    images = from_arrays(picture[None])
    plain = load_vgg19(pooling=pooling, normalized=False)(images)
    normalized = load_vgg19(pooling=pooling)(images)
    factors = load_file(WEIGHTS)[f"factors.{pooling}"]
    expected = caffe_activations(picture.astype(np.float64), average=pooling == "average")
    for (name, activation), factor in zip(expected, factors, strict=True):
        tolerance = 1e-5 * activation.max()
        np.testing.assert_allclose(plain[name][0], activation, rtol=1e-4, atol=tolerance)
        np.testing.assert_allclose(
            normalized[name][0], factor * activation, rtol=1e-4, atol=factor * tolerance
        )


@pytest.mark.parametrize("pooling", ["max", "average"])
@torch.no_grad()
def test_layers_of_photos_weigh_alike(pooling: str) -> None:
    if not PHOTOS.is_dir():
        pytest.skip("the shared photos are not here")
    photos = [
        np.array(Image.open(PHOTOS / f"kodim{number}.jpg").convert("RGB").resize((128, 128)))
        for number in ("04", "07", "15", "23")
    ]
    features = load_vgg19(pooling=pooling)(from_arrays(np.stack(photos)))
    for name in LAYERS:
        assert 0.5 < features[name].mean() < 1.6, name


def test_nothing_behind_the_deepest_layer_is_computed(vgg: VGG19) -> None:
    seen: list[object] = []
    handles = [
        convolution.register_forward_hook(lambda module, *_: seen.append(module))
        for convolution in vgg.convolutions
    ]
    features = vgg(made_picture(16), ["relu2_1", "relu1_2"])
    for handle in handles:
        handle.remove()
    assert seen == list(vgg.convolutions[:3])
    assert set(features) == {"relu1_2", "relu2_1"}


def test_shapes_and_memory_format(vgg: VGG19) -> None:
    features = vgg(made_picture(32).expand(2, 3, 32, 32))
    shapes = {name: tuple(feature.shape) for name, feature in features.items()}
    assert shapes["relu1_1"] == (2, 64, 32, 32)
    assert shapes["relu3_4"] == (2, 256, 8, 8)
    assert shapes["relu5_1"] == (2, 512, 2, 2)
    assert tuple(shapes) == LAYERS
    assert features["relu4_4"].is_contiguous(memory_format=torch.channels_last)


def test_asked_together_or_alone_a_layer_is_the_same(vgg: VGG19) -> None:
    together = vgg(made_picture(32))
    for name in LAYERS:
        assert torch.equal(together[name], vgg(made_picture(32), [name])[name]), name


def test_the_picture_is_left_as_it_was_and_grey_counts_as_colour(vgg: VGG19) -> None:
    grey = made_picture(32)[:, :1]
    before = grey.clone()
    assert torch.equal(embed(vgg, grey), embed(vgg, grey.repeat(1, 3, 1, 1)))
    assert torch.equal(grey, before)


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_the_gradient_to_the_picture_is_the_slope(pooling: str) -> None:
    vgg = load_vgg19(pooling=pooling).double()
    images = made_picture(16).double().requires_grad_()
    direction = torch.randn(images.shape, dtype=torch.float64, generator=torch.manual_seed(0))

    def energy(images: Tensor) -> Tensor:
        features = vgg(images, ["relu1_1", "relu3_2", "relu5_1"])
        return sum((feature.square().mean() for feature in features.values()), torch.zeros(()))

    (gradient,) = torch.autograd.grad(energy(images), images)
    step = 1e-7
    with torch.no_grad():
        slope = energy(images + step * direction) - energy(images - step * direction)
    torch.testing.assert_close((gradient * direction).sum(), slope / (2 * step), rtol=1e-5, atol=0)
    assert not any(parameter.requires_grad for parameter in vgg.parameters())


def test_wrong_layers_and_channels_are_named(vgg: VGG19) -> None:
    with pytest.raises(ConfigError, match=r"no layer relu5_2 here; it has relu1_1, .*relu5_1$"):
        vgg(made_picture(16), ["relu1_1", "relu5_2"])
    with pytest.raises(ConfigError, match="1 or 3 channels"):
        vgg(torch.zeros(1, 2, 16, 16))


def test_embed_of_a_made_picture_keeps_its_numbers(vgg: VGG19) -> None:
    vector = embed(vgg, made_picture())[0]
    means = [part.mean().item() for part in vector.split([128, 256, 512, 512])]
    assert means == pytest.approx([1.84139, 1.78089, 1.3401, 1.55563], rel=1e-3)
    places = [0, 64, 127, 200, 300, 700, 1000, 1200]
    numbers = [5.18254, 2.96407, 0.45562, 0.61882, 3.95232, 2.39665, 2.96635, 0.1321]
    assert vector[places].tolist() == pytest.approx(numbers, rel=1e-3)


def test_embed_is_the_spatial_mean_of_its_layers(vgg: VGG19) -> None:
    features = vgg(made_picture(), EMBED_LAYERS)
    expected = torch.cat([features[name].flatten(2).mean(2) for name in EMBED_LAYERS], dim=1)
    torch.testing.assert_close(embed(vgg, made_picture()), expected)


def test_small_pictures_are_enlarged_and_large_ones_reduced_without_aliasing(vgg: VGG19) -> None:
    small = made_picture(28)
    enlarged = torch.nn.functional.interpolate(small, (64, 64), mode="bilinear")
    torch.testing.assert_close(embed(vgg, small), embed(vgg, enlarged))
    fine = (torch.arange(384)[:, None] + torch.arange(384)) % 2 * 2.0 - 1.0
    reduced = embed(vgg, fine.expand(1, 3, 384, 384))
    assert (reduced - embed(vgg, torch.zeros(1, 3, 128, 128))).abs().mean() < 0.02
    assert embed(vgg, made_picture(96)[:, :, :48]).shape == (1, 1408)


def zone_plate(size_px: int) -> np.ndarray:
    """Rings finer and finer outwards: r pixels from the middle there are r / size waves a pixel."""
    line = np.arange(size_px) - (size_px - 1) / 2
    return np.cos(np.pi * (line[:, None] ** 2 + line**2) / size_px)


def reduced_by_area(picture: np.ndarray, size_px: int) -> np.ndarray:
    """Reduce in float64: every new pixel is a mean under a triangle twice as wide as itself."""
    scale = len(picture) / size_px
    middles = (np.arange(size_px) + 0.5) * scale
    away = np.abs(np.arange(len(picture)) + 0.5 - middles[:, None]) / scale
    weights = np.maximum(0, 1 - away)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ picture @ weights.T


@pytest.mark.parametrize("size_px", [300, 384, 500])
def test_what_is_too_fine_for_the_network_is_gone_and_not_aliased(size_px: int) -> None:
    plate = zone_plate(size_px)
    images = torch.from_numpy(plate).float().expand(1, 1, -1, -1)
    found = resized(images, 64, 128)[0, 0].double().numpy()
    np.testing.assert_allclose(found, reduced_by_area(plate, 128), atol=1e-5)
    # Waves a new pixel; half a wave is the finest there can be, a triangle passes 9 % at 3/4.
    line = np.arange(128) - 63.5
    waves = np.hypot(line[:, None], line) * (size_px / 128) ** 2 / size_px
    too_fine, coarse = waves > 0.75, waves < 0.2
    plain = torch.nn.functional.interpolate(images, (128, 128), mode="bilinear")[0, 0].numpy()
    assert too_fine.mean() > 0.05
    assert np.square(found[too_fine]).mean() < 0.02 * np.square(plate).mean()
    assert np.square(found[coarse]).mean() > 0.5 * np.square(plate).mean()
    assert np.square(plain[too_fine]).mean() > 0.05 * np.square(plate).mean()


@torch.no_grad()
def test_a_picture_is_embedded_the_same_in_any_batch(vgg: VGG19) -> None:
    images = torch.cat([made_picture(), made_picture().flip(3), -made_picture()])
    alone = torch.cat([embed(vgg, image[None]) for image in images])
    torch.testing.assert_close(embed(vgg, images), alone, rtol=1e-4, atol=1e-5)


def test_the_file_is_small_and_names_its_source() -> None:
    assert WEIGHTS.stat().st_size < 20_000_000
    with safe_open(WEIGHTS, "np") as file:
        assert "Zisserman" in file.metadata()["source"]
