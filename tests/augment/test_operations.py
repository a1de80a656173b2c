"""Each augmentation against an independent one in numpy or Pillow, and its derivatives."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.autograd import gradcheck, gradgradcheck

from ganvas.augment.config import Operation
from ganvas.augment.operations import OPERATIONS

NAMES = get_args(Operation)


def pictures(num, channels=3, size=8, *, seed=0):
    values = np.random.default_rng(seed).uniform(-1, 1, (num, channels, size, size))
    return torch.tensor(values, dtype=torch.float32)


def applied(name, images, rows):
    return OPERATIONS[name].apply(images, torch.tensor(rows, dtype=torch.float32))


def drawn(name, num, resolution, seed=0):
    return OPERATIONS[name].draw(num, resolution, torch.Generator().manual_seed(seed))


def test_every_configurable_operation_is_a_row():
    assert set(OPERATIONS) == set(NAMES)


def test_flip_mirrors_left_and_right():
    images = pictures(2)
    flipped = applied("flip", images, [[0], [1]]).numpy()
    np.testing.assert_array_equal(flipped[0], images[0])
    np.testing.assert_array_equal(flipped[1], images[1].numpy()[:, :, ::-1])


@pytest.mark.parametrize("size", [7, 8])
def test_rotate90_is_numpys(size):
    images = pictures(4, size=size)
    turned = applied("rotate90", images, [[0], [1], [2], [3]]).numpy()
    for turns in range(4):
        expected = np.rot90(images[turns].numpy(), turns, axes=(1, 2))
        np.testing.assert_array_equal(turned[turns], expected)


@settings(deadline=None)
@given(down=st.integers(-7, 7), right=st.integers(-7, 7), channels=st.integers(1, 5))
def test_translation_shifts_and_mirrors_the_edge(down, right, channels):
    image = pictures(1, channels)
    padded = np.pad(image[0].numpy(), ((0, 0), (7, 7), (7, 7)), mode="reflect")
    expected = padded[:, 7 - down : 15 - down, 7 - right : 15 - right]
    np.testing.assert_array_equal(
        applied("translation", image, [[down, right]])[0].numpy(), expected
    )


def test_translation_of_oblong_pictures():
    image = pictures(1)[:, :, :5]
    shifted = applied("translation", image, [[2, -3]])
    np.testing.assert_array_equal(shifted[0, :, 2:, :5], image[0, :, :3, 3:])


@pytest.mark.parametrize("log_zoom", [0.2, 0.5, 1.0])
def test_scale_up_is_pillows_bilinear_crop_and_resize(log_zoom):
    image, half = pictures(1, 1, 16), 8 / 2**log_zoom
    box = (8 - half, 8 - half, 8 + half, 8 + half)
    expected = Image.fromarray(image[0, 0].numpy()).resize((16, 16), Image.Resampling.BILINEAR, box)
    np.testing.assert_allclose(
        applied("scale", image, [[log_zoom]])[0, 0], np.asarray(expected), atol=1e-5
    )


@pytest.mark.parametrize("log_zoom", [-0.2, -0.5, -0.9])
def test_scale_down_is_pillows_antialiased_resize_of_the_mirrored_picture(log_zoom):
    image, half = pictures(1, 1, 16), 8 / 2**log_zoom
    mirrored = np.pad(image[0, 0].numpy(), 12, mode="reflect")
    box = (20 - half, 20 - half, 20 + half, 20 + half)
    expected = Image.fromarray(mirrored).resize((16, 16), Image.Resampling.BILINEAR, box)
    zoomed = applied("scale", image, [[log_zoom]])[0, 0].numpy()
    # On the seam the triangle is cut off here, folded there; elsewhere they are the same.
    seam = (1 - 2**log_zoom) * 8
    inside = [i for i in range(16) if min(abs(i - seam), abs(15 - i - seam)) > 2]
    np.testing.assert_allclose(
        zoomed[np.ix_(inside, inside)], np.asarray(expected)[np.ix_(inside, inside)], atol=1e-5
    )
    assert len(inside) >= 6


@settings(deadline=None)
@given(log_zoom=st.floats(-1.5, 1.5), level=st.floats(-1, 1))
def test_scale_keeps_a_plain_picture_plain(log_zoom, level):
    image = torch.full((1, 1, 6, 6), level)
    torch.testing.assert_close(applied("scale", image, [[log_zoom]]), image)


def test_color_is_brightness_then_saturation_then_contrast():
    images, numbers = pictures(6), drawn("color", 6, 8)
    for image, result, (brightness, saturation, contrast) in zip(
        images.double().numpy(),
        OPERATIONS["color"].apply(images, numbers),
        numbers.double().numpy(),
        strict=True,
    ):
        y = image + brightness
        gray = y.mean(axis=0, keepdims=True)
        y = gray + (1 + saturation) * (y - gray)
        y = y.mean() + (1 + contrast) * (y - y.mean())
        np.testing.assert_allclose(result, y, atol=2e-6)


def test_saturation_does_nothing_to_grey_pictures():
    gray = pictures(2, 1)
    numbers = torch.tensor([[0.0, 0.7, 0.0], [0.0, -1.0, 0.0]])
    assert torch.equal(OPERATIONS["color"].apply(gray, numbers), gray)
    in_rgb = gray.expand(-1, 3, -1, -1)
    torch.testing.assert_close(OPERATIONS["color"].apply(in_rgb, numbers), in_rgb)


@pytest.mark.parametrize(("top", "left", "side"), [(2, 1, 4), (-2, 5, 4), (6, -2, 4), (0, 0, 0)])
def test_cutout_empties_a_square(top, left, side):
    image = pictures(1)
    expected = image[0].numpy().copy()
    expected[:, max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = 0
    np.testing.assert_array_equal(applied("cutout", image, [[top, left, side]])[0], expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_zeros_change_nothing(name, channels):
    images = pictures(3, channels)
    numbers = torch.zeros_like(drawn(name, 3, 8))
    assert torch.equal(OPERATIONS[name].apply(images, numbers), images)


@pytest.mark.parametrize("name", NAMES)
def test_channels_last_stays_channels_last(name):
    images = pictures(3).contiguous(memory_format=torch.channels_last).requires_grad_()
    result = OPERATIONS[name].apply(images, drawn(name, 3, 8))
    assert result.is_contiguous(memory_format=torch.channels_last)
    # A distinct cotangent: autograd hands ones back as an expanded scalar.
    (gradient,) = torch.autograd.grad(result, images, result.detach())
    assert gradient.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_is_twice_differentiable(name):
    images = pictures(2, 2, 3).double().requires_grad_()
    numbers = drawn(name, 2, 3, seed=1)
    numbers[0] = {"flip": 1, "rotate90": 1, "translation": 1, "cutout": 2}.get(name, 0.4)

    def bent(x):
        return OPERATIONS[name].apply(x, numbers).tanh()

    assert gradcheck(bent, images)
    assert gradgradcheck(bent, images)


@settings(deadline=None)
@given(resolution=st.integers(1, 70))
def test_translations_are_whole_and_at_most_an_eighth(resolution):
    shifts = drawn("translation", 400, resolution).numpy()
    most = round(resolution / 8)
    assert set(np.unique(shifts)) == set(range(-most, most + 1)) or resolution > 64
    assert abs(shifts).max() <= most


@settings(deadline=None)
@given(resolution=st.integers(2, 40))
def test_cutouts_reach_every_pixel_and_never_more_than_a_quarter(resolution):
    images = torch.ones(600, 1, resolution, resolution)
    emptied = 1 - OPERATIONS["cutout"].apply(images, drawn("cutout", 600, resolution))
    side = (resolution + 1) // 2
    assert emptied.sum((1, 2, 3)).max() <= side**2
    assert emptied.sum((1, 2, 3)).min() >= (side // 2) ** 2
    rows = emptied.amax((0, 1, 3))
    assert rows.min() == 1


def test_translations_of_oblongs_are_at_most_an_eighth_of_each_side():
    shifts = drawn("translation", 2000, "32x80").numpy()
    assert set(np.unique(shifts[:, 0])) == set(range(-10, 11))
    assert set(np.unique(shifts[:, 1])) == set(range(-4, 5))


def test_cutouts_of_oblongs_reach_every_pixel():
    numbers = drawn("cutout", 3000, "12x20")
    assert set(numbers[:, 2].tolist()) == {6.0}
    emptied = 1 - OPERATIONS["cutout"].apply(torch.ones(3000, 1, 20, 12), numbers)
    assert emptied.amax((0, 1)).min() == 1
    expected = 6 / 21 * 6 / 13  # 21 places for a side of 6 on 20 pixels, 13 on 12
    np.testing.assert_allclose(emptied.mean(0)[0, 2:18, 2:10], expected, atol=0.03)


def test_scale_of_oblongs_is_pillows():
    image, factor = pictures(1, 1, 16)[:, :, :10], 2**0.5
    box = (8 - 8 / factor, 5 - 5 / factor, 8 + 8 / factor, 5 + 5 / factor)
    expected = Image.fromarray(image[0, 0].numpy()).resize((16, 10), Image.Resampling.BILINEAR, box)
    np.testing.assert_allclose(
        applied("scale", image, [[0.5]])[0, 0], np.asarray(expected), atol=1e-5
    )


def test_draws_have_the_published_spread():
    num = 20_000
    assert drawn("flip", num, 8).mean().item() == pytest.approx(0.5, abs=0.02)
    turns = drawn("rotate90", num, 8).flatten().long().bincount() / num
    np.testing.assert_allclose(turns, 0.25, atol=0.02)
    log_zoom = drawn("scale", num, 8)
    assert log_zoom.mean().item() == pytest.approx(0, abs=0.01)
    assert log_zoom.std().item() == pytest.approx(0.2, abs=0.005)
    color = drawn("color", num, 8).numpy()
    np.testing.assert_allclose(color.min(axis=0), [-0.5, -1, -0.5], atol=0.01)
    np.testing.assert_allclose(color.max(axis=0), [0.5, 1, 0.5], atol=0.01)
