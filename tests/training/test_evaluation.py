"""Which pictures an evaluation compares."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganvas.data.config import DataConfig
from ganvas.data.store import prepare
from ganvas.training.engine import Engine
from ganvas.training.evaluation import generated
from ganvas.training.loop import new_state

COUNTS = {"few": 2, "many": 9, "some": 5}


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
    drawn = np.random.default_rng(0)
    for name, num in COUNTS.items():
        (tmp_path / "classes" / name).mkdir(parents=True)
        for number in range(num):
            picture = drawn.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(picture).save(tmp_path / "classes" / name / f"{number}.png")
    return prepare(tmp_path / "classes", DataConfig(resolution=16, classes="folders"))


def test_as_many_of_each_class_are_made_as_there_are_real_ones(store, tiny):
    config = tiny("resnet", {"data": {"classes": "folders"}})
    G = new_state(config, store, Engine(torch.device("cpu"))).G_ema
    seen = []
    G.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs[1].tolist()))
    num = sum(COUNTS.values())
    whole = generated(G, store, list(range(2 * num)))
    assert np.bincount(seen).tolist() == [2 * count for count in COUNTS.values()]
    some = generated(G, store, [3, num + 5])
    torch.testing.assert_close(some, whole[[3, num + 5]], rtol=1e-4, atol=1e-4)
