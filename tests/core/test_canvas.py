"""Sizes of pictures: what is read, what is refused, and that a square stays a plain number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganvas.core.canvas import of, parse, sides
from ganvas.core.errors import ConfigError
from ganvas.data.config import DataConfig

SIDE = st.integers(1, 1024)


@given(height=SIDE, width=SIDE)
def test_a_name_gives_its_sides_back(height, width):
    resolution = of(height, width)
    assert sides(resolution) == (height, width)
    assert parse(resolution) == resolution
    assert parse(f"{width}x{height}") == resolution
    assert isinstance(resolution, int) == (height == width)


def test_width_comes_first_as_people_write_it():
    assert sides("64x96") == (96, 64)
    assert sides(parse("64")) == (64, 64)


@pytest.mark.parametrize("value", [0, 1025, -4, "64x", "x64", "64x0", "64x2000", "64 x 96", 1.5])
def test_anything_else_is_refused_with_an_example(value):
    with pytest.raises(ConfigError, match=r"resolution: .* is no size: give 64 .* 64x96"):
        DataConfig.from_dict({"resolution": value})


def test_it_survives_json():
    for resolution in (64, "64x96"):
        config = DataConfig.from_dict({"resolution": resolution})
        assert config.to_dict()["resolution"] == resolution
        assert DataConfig.from_dict(config.to_dict()) == config
