"""What is known before processes are started, and what they tell each other of a launch."""

import pytest
import torch
from torch import nn

from ganvas.core.config import replace
from ganvas.core.errors import ConfigError
from ganvas.layers.spectral import with_spectral_norm
from ganvas.training import launch
from ganvas.training.engine import share_evenly
from ganvas.training.state import _freeze


def test_packs_are_shared_whole():
    share_evenly(16, 2, 4)
    with pytest.raises(ConfigError, match=r"12 cannot .* by 2 processes in whole groups of 4"):
        share_evenly(12, 2, 4)


def test_a_device_by_its_number_is_not_several(tiny):
    with pytest.raises(ConfigError, match="cuda:1 is one device"):
        launch.check(replace(tiny(), device="cuda:1"), devices=2)


def test_more_processes_than_gpus_are_refused(tiny, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    config = replace(tiny(), device="cuda", batch_size=16)
    launch.check(config, devices=2)
    with pytest.raises(ConfigError, match="has 2 GPUs"):
        launch.check(config, devices=4)


def test_an_end_is_noted_for_the_other_processes(tmp_path, monkeypatch):
    launch.end_all(1)
    assert not launch.has_ended()
    monkeypatch.setenv(launch.ENDED, str(tmp_path / "ended"))
    assert not launch.has_ended()
    launch.end_all(2)
    assert launch.has_ended()
    assert (tmp_path / "ended").read_text() == "2"


def test_a_layer_with_spectral_norm_is_frozen_whole():
    D = with_spectral_norm(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)))
    _freeze(D, 1)
    frozen = {name for name, weight in D.named_parameters() if not weight.requires_grad}
    assert frozen == {"0.bias", "0.parametrizations.weight.original"}
    with pytest.raises(ConfigError, match="it has 2 layers"):
        _freeze(D, 2)
