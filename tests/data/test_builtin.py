"""The built-in digits and emoji are what they say they are, and small."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sources import labels, names

from ganvas.core import images
from ganvas.core.errors import DataError
from ganvas.data.builtin import COLLECTIONS
from ganvas.data.builtin.sheets import tiles
from ganvas.data.scan import scan


def test_digits_are_500_of_each_and_grey():
    found = scan("builtin:digits", classes="folders")
    assert Counter(labels(found).values()) == {str(digit): 500 for digit in range(10)}
    assert found.class_names == tuple("0123456789")
    assert found.entries[7 * 500 + 123].name == "digits/7/0123.png"
    for entry in found.entries[::499]:
        picture = images.read(entry.open())
        assert (picture.width, picture.height, picture.grey) == (28, 28, True)
        # MNIST centres a digit by its mass in an empty margin.
        assert picture.pixels[0].max() == 0
        rows = picture.pixels[..., 0].sum(axis=1)
        assert 12 < (rows * np.arange(28)).sum() / rows.sum() < 16


def test_ones_are_thin_and_noughts_are_hollow():
    digits = tiles(COLLECTIONS["digits"]).reshape(10, 500, 28, 28).mean(axis=1)
    ink = digits.mean(axis=(1, 2))
    assert ink.argmin() == 1
    assert ink.argmax() == 0
    assert digits[0, 14, 14] < 20 < 100 < digits[1, 14, 14]


def test_only_one_digit():
    found = scan("builtin:digits", only="7")
    assert len(found.entries) == 500
    assert all(entry.name.startswith("digits/7/") for entry in found.entries)


def test_emoji_are_transparent_colours_with_names():
    found = scan("builtin:emoji")
    assert 600 <= len(found.entries) <= 1000
    assert len(set(names(found))) == len(found.entries)
    for entry in found.entries[::50]:
        picture = images.read(entry.open())
        assert (picture.width, picture.height, picture.grey) == (64, 64, False)
        assert picture.alpha is not None
        assert 0.05 < (picture.alpha > 0).mean() < 0.99


def test_a_red_apple_is_red_and_a_green_one_green():
    found = {entry.name: entry for entry in scan("builtin:emoji").entries}
    for name, channel in (("red-apple", 0), ("green-apple", 1), ("blue-heart", 2)):
        picture = images.read(found[f"emoji/{name}.png"].open())
        mean = picture.pixels[picture.alpha == 255].mean(axis=0)
        assert mean.argmax() == channel


def test_they_do_not_weigh_much():
    folder = Path(sys.modules["ganvas.data.builtin"].__file__).parent
    assert (folder / "digits.png").stat().st_size < 1_500_000
    assert sum(path.stat().st_size for path in folder.glob("emoji.*")) < 4_000_000


def test_an_unknown_builtin_is_answered_with_the_known_ones():
    with pytest.raises(DataError, match="no builtin:faces; there are digits, emoji"):
        scan("builtin:faces")
