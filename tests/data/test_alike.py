"""Pictures that look alike are found, others are not, and the work stays small."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy.fft import dctn

from ganvas.core import images
from ganvas.data import alike
from ganvas.data.scan import scan


def emoji(num):
    """Pictures of a set that is made to look alike, as they are before they are prepared."""
    entries = scan("builtin:emoji").entries
    chosen = [entries[k] for k in range(0, len(entries), len(entries) // num)][:num]
    return [images.over(images.read(one.open()), "#ffffff") for one in chosen]


def prepared(pictures):
    fitted = [
        images.fit(one, size_px=(64, 64), how="crop", background="#ffffff") for one in pictures
    ]
    return np.stack(fitted)


def rough(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=60)
    return images.read(file).pixels


def halved(pixels):
    return np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.LANCZOS))


def brighter(pixels):
    return np.asarray(ImageEnhance.Brightness(Image.fromarray(pixels)).enhance(1.1))


def cropped(pixels):
    return pixels[1:-1, 1:-1]


def noise(num, side=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (num, side, side, 3), np.uint8)


@pytest.mark.parametrize(
    ("change", "share"), [(rough, 0.95), (halved, 0.95), (brighter, 0.85), (cropped, 0.75)]
)
def test_near_copies_are_found_and_little_else(change, share):
    pictures = emoji(60)
    num = len(pictures)
    found = alike.group(prepared([*pictures, *map(change, pictures)]), range(2 * num))
    copies = [rows for rows in found if len(rows) == 2 and rows[1] == rows[0] + num]
    assert len(copies) >= share * num
    assert len(found) - len(copies) <= 2


def test_of_faces_hands_and_flags_few_are_grouped():
    pictures = emoji(400)
    found = alike.group(prepared(pictures), range(len(pictures)))
    assert 0 < sum(map(len, found)) <= 0.02 * len(pictures)


def test_noise_and_blank_pictures_are_not_alike():
    blank = np.stack([np.full((64, 64, 3), level, np.uint8) for level in (0, 3, 255)])
    assert not alike.confirmed(blank, np.array([[0, 1], [0, 2], [1, 2]])).any()
    assert alike.group(np.concatenate([noise(50), blank]), range(53)) == []
    assert alike.group(noise(0), []) == alike.group(noise(1), [0]) == []


def test_the_same_shape_in_another_colour_is_another_picture():
    (heart,) = emoji(1)
    assert len(alike.group(prepared([heart, heart]), [0, 1])) == 1
    assert alike.group(prepared([heart, heart[..., ::-1]]), [0, 1]) == []


def test_a_group_begins_with_the_best_and_all_are_like_that_one():
    clouds = np.random.default_rng(3).integers(0, 256, (9, 9, 3), np.uint8)
    wide = np.asarray(Image.fromarray(clouds).resize((90, 90), Image.Resampling.BICUBIC))
    moved = np.stack([wide[:64, x : x + 64] for x in range(11)])
    order = [5, *range(5), *range(6, 11)]
    first, *others = alike.group(moved, order)
    assert first[0] == 5
    assert {4, 6} <= {*first} < {*range(11)}
    assert sum(map(len, [first, *others])) == len(
        {row for rows in [first, *others] for row in rows}
    )


def test_bits_of_a_hash_are_those_of_the_cosine_transform():
    pictures = prepared(emoji(40))
    found = np.unpackbits(alike.hashes(pictures)[:, None].view(np.uint8), axis=1)
    grey = pictures.astype(np.float64) @ (0.299, 0.587, 0.114)
    slow = dctn(grey, norm="ortho", axes=(1, 2))[:, :8, :8].reshape(-1, 64)
    slow[:, 0] = 0
    above = slow - np.median(slow, axis=1, keepdims=True)
    clear = np.abs(above) > 0.01
    assert clear.mean() > 0.95
    assert ((found == 1) == (above > 0))[clear].all()


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (24, 3), (96, 1)])
def test_slow_waves_stay_as_they_are_at_every_size(side, channels):
    at = (np.arange(side) + 0.5) / side
    grid = (np.arange(alike.SIDE) + 0.5) / alike.SIDE
    wave = 128 + 50 * np.cos(3 * np.pi * at)[:, None] + 40 * np.cos(2 * np.pi * at)
    expected = 128 + 50 * np.cos(3 * np.pi * grid)[:, None] + 40 * np.cos(2 * np.pi * grid)
    pictures = np.repeat(wave.round().astype(np.uint8)[None, :, :, None], channels, axis=3)
    np.testing.assert_allclose(alike.reduced(pictures)[0, -1], expected, atol=1.5)


def test_candidates_of_few_pictures_are_all_near_pairs():
    rng = np.random.default_rng(1)
    found = rng.integers(0, 2**64, 60, np.uint64)
    flips = [
        np.bitwise_xor.reduce(1 << rng.choice(64, k, replace=False).astype(np.uint64))
        for k in range(1, 16)
    ]
    found[1::4] = found[::4] ^ np.array(flips, np.uint64)
    bits = np.bitwise_count(found[:, None] ^ found)
    near = np.argwhere(np.triu(bits <= alike.MOST_BITS, 1))
    assert 10 <= len(near) < 15
    assert alike.candidates(found).tolist() == near.tolist()


def test_a_large_set_of_like_pictures_makes_no_more_pairs_than_pictures():
    same = np.zeros(3000, np.uint64)
    near = np.random.default_rng(2).integers(0, 2**12, 3000, np.uint64)
    for found in (same, near):
        pairs = alike.candidates(found)
        assert 500 < len(pairs) <= 3000 + alike.ANYWAY_PAIRS
        assert (pairs[:, 0] < pairs[:, 1]).all()
