"""A tiny training that runs in milliseconds: random pictures, narrow networks.

With GANVAS_TEST_DEVICE=cuda it runs there.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ganvas.core.canvas import Resolution, sides
from ganvas.core.config import merge
from ganvas.training.config import TrainConfig
from ganvas.training.presets import Facts, resolve

TINY_MODELS: dict[str, dict[str, Any]] = {
    "mlp": {"hidden_g": [16, 32], "hidden_d": [32, 16], "z_dim": 8},
    "dcgan": {"width": 4, "z_dim": 8},
    "resnet": {"width": 0.07, "z_dim": 8},
    "progressive": {"width": 0.07, "z_dim": 8},
    "msg": {"width": 0.07, "z_dim": 8},
    "stylegan2": {"base": 64, "most": 8, "z_dim": 8, "w_dim": 8},
    "fastgan": {"width": 4, "z_dim": 8},
    "vae": {"width": 4, "z_dim": 8},
}


DEVICE = os.environ.get("GANVAS_TEST_DEVICE", "cpu")

SIZES = {"fastgan": 32}
"""Architectures that do not make 16 px."""


class RandomPictures:
    """40 random pictures in three classes, always the same."""

    def __init__(
        self, resolution: Resolution = 16, channels: int = 3, num_classes: int = 0
    ) -> None:
        self.resolution, self.channels, self.num_classes = resolution, channels, num_classes
        drawn = np.random.default_rng(5)
        size = (40, *sides(resolution), channels)
        self._pictures = drawn.integers(0, 256, size, dtype=np.uint8)

    def __len__(self) -> int:
        return len(self._pictures)

    def batch(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        return self._pictures[indices], indices % 3 if self.num_classes else None


@pytest.fixture(autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def tiny() -> Callable[..., TrainConfig]:
    """Make a tiny configuration: `tiny("dcgan", {"cure": {"pack": 2}})`."""

    def make(arch: str = "resnet", changes: dict[str, Any] | None = None) -> TrainConfig:
        base = {
            "kimg": 0.048,
            "minutes": None,
            "batch_size": 8,
            "model": {"arch": arch} | TINY_MODELS[arch],
            "precision": "fp32",
            "device": DEVICE,
            "data": {"resolution": SIZES.get(arch, 16)},
            "run": {"evaluate_images": 0, "sample_seeds": 4},
        }
        wanted = merge(base, changes or {})
        return resolve("made up", Facts(1000, 3, 16), arch=arch, overrides=wanted)

    return make


@pytest.fixture
def pictures() -> Callable[..., RandomPictures]:
    return RandomPictures
