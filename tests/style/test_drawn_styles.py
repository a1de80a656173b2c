"""The built-in styles and the photo to try them on are there, and drawing them gives them again."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganvas

SCRIPT = Path(__file__).parents[2] / "scripts/draw_styles"
BUILTIN = Path(ganvas.__file__).parent / "style/builtin"
STYLES = ("flow", "glass", "woodcut", "wash")


@pytest.fixture(scope="module")
def draw():
    if not SCRIPT.exists():
        pytest.skip("scripts/draw_styles is not part of this copy of the sources")
    return runpy.run_path(str(SCRIPT))["draw"]


def load(name):
    return np.asarray(Image.open(BUILTIN / f"{name}.jpg"))


@pytest.mark.parametrize("name", STYLES)
def test_styles_are_small_files_of_512_px(name):
    assert load(name).shape == (512, 512, 3)
    assert (BUILTIN / f"{name}.jpg").stat().st_size < 200_000


@pytest.mark.parametrize(("name", "size"), [("cat", (300, 451)), ("astronaut", (512, 512))])
def test_photos_are_small_files_in_their_own_size(name, size):
    assert load(name).shape == (*size, 3)
    assert (BUILTIN / f"{name}.jpg").stat().st_size < 120_000


@pytest.mark.parametrize("name", STYLES)
def test_drawing_again_gives_the_same_picture(draw, name):
    first, second = np.asarray(draw(name, 24)), np.asarray(draw(name, 24))
    assert first.shape == (24, 24, 3)
    assert first.std() > 20
    assert (first == second).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", STYLES)
def test_the_files_are_what_the_script_draws(draw, name):
    drawn = np.asarray(draw(name, 512)).astype(float)
    assert abs(drawn - load(name)).mean() < 6
