"""The closed form gives the pictures that autograd through matrix roots gives."""

import numpy as np
import pytest
from drawings import drawn_painting, drawn_photo
from matrix_roots import through_matrix_roots
from PIL import Image

import ganvas
from ganvas.style import objective


@pytest.mark.slow
def test_the_closed_form_gives_the_same_picture(monkeypatch):
    """Three ways from one start: every step exact, a kept tangent, and through the roots."""
    photo, painting = drawn_photo(128, 96), drawn_painting(128)
    settings = {"size": 90, "coarsest_px": 64, "steps": (40, 25), "device": "cpu"}

    def paint(**more) -> np.ndarray:
        picture = ganvas.stylize(photo, painting, precision="fp32", **settings, **more)
        return np.asarray(picture.resize((45, 34), Image.Resampling.BOX), float)

    exact, kept = paint(tangent_steps=1), paint(tangent_steps=3)
    monkeypatch.setattr(
        objective,
        "wasserstein_loss",
        lambda mean, second, target, tangent: through_matrix_roots(mean, second, target),
    )
    roots = paint(tangent_steps=1)
    start = np.asarray(photo.resize((45, 34), Image.Resampling.BOX), float)
    moved = np.sqrt(np.square(roots - start).mean())
    assert np.sqrt(np.square(exact - roots).mean()) < 0.2 * moved
    assert np.sqrt(np.square(kept - roots).mean()) < 0.25 * moved
