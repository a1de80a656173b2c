"""A GPU paints the picture that a CPU paints."""

import pytest
import torch

from ganvas.style.config import complete
from ganvas.style.steps import stylize_steps

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


@pytest.mark.parametrize(
    ("settings", "close"),
    [
        ({}, 0.02),
        ({"precision": "bf16"}, 0.05),
        ({"tile_px": 224, "size": 320}, 0.02),
        ({"loss": "gram", "optimizer": "adam", "steps": (10,), "coarsest_px": 0}, 0.02),
    ],
)
def test_a_gpu_paints_the_same_picture(settings, close, photo, painting):
    wanted = {"size": 128, "coarsest_px": 64, "steps": (20, 10), "precision": "fp32"} | settings
    images = [
        list(stylize_steps(photo, painting, complete(wanted | {"device": device})))[-1].image.cpu()
        for device in ("cpu", "cuda")
    ]
    assert (images[0] - images[1]).square().mean().sqrt() < close
