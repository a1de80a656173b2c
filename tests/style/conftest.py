"""A photo and a painting."""

import pytest
from drawings import drawn_painting, drawn_photo
from PIL import Image


@pytest.fixture
def photo() -> Image.Image:
    return drawn_photo()


@pytest.fixture
def painting() -> Image.Image:
    return drawn_painting()
