"""Pictures to prepare, other processes that do it, and what must come out."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ganvas.data import filling
from ganvas.data.config import DataConfig

CONFIG = DataConfig(resolution=16)


def make_pictures(folder, num, *, size=(24, 20), seed=0, ending="png"):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for k in range(num):
        noise = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{k:04d}.{ending}")
    return folder


def must_not_decode(monkeypatch):
    monkeypatch.setattr(filling, "decode_all", lambda *_, **__: pytest.fail("decoded again"))


def run_python(code, *args, **options):
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def assert_same(store, other):
    assert np.array_equal(store.images, other.images)
    assert np.array_equal(store.labels, other.labels)
    assert store.skipped == other.skipped
    assert store.fingerprint == other.fingerprint
