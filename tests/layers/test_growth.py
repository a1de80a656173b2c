"""Growth: what networks and reals show is faded in as in the paper, and survives files."""

import copy

import pytest
import torch
from torch import nn

from ganvas.core.errors import CheckpointError
from ganvas.layers.growth import Growth, coarsen, grow


def mean(images, factor):
    b, c, h, w = images.shape
    return images.reshape(b, c, h // factor, factor, w // factor, factor).mean((3, 5))


def squares(images, factor):
    return images.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)


@pytest.mark.parametrize(
    ("grown", "size", "alpha"), [(0.0, 4, 1.0), (0.25, 8, 0.25), (1.0, 8, 1.0), (1.9, 16, 0.9)]
)
def test_reals_are_faded_in_as_networks_are(grown, size, alpha):
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    small = mean(x, 32 // size)
    blended = alpha * small
    if alpha < 1:
        blended = blended + (1 - alpha) * squares(mean(small, 2), 2)
    torch.testing.assert_close(coarsen(x, grown), squares(blended, 32 // size))


def test_a_whole_network_shows_reals_as_they_are():
    x = torch.randn(2, 1, 16, 16)
    assert coarsen(x, 2.0) is x


def test_the_number_is_read_with_the_weights():
    old, new = nn.Sequential(Growth(4)), nn.Sequential(Growth(4))
    grow(old, 1.25)
    assert (old[0].stage, old[0].is_fading) == (2, True)
    new.load_state_dict(old.state_dict())
    assert (new[0].stage, new[0].is_fading) == (2, True)
    copied = copy.deepcopy(new)
    grow(copied, 3.0)
    assert (copied[0].stage, copied[0].is_fading, new[0].stage) == (3, False, 2)
    assert new[0].grown == 1.25


def test_weights_of_a_network_with_more_stages_fit_whole():
    fewer = Growth(3)
    fewer.load_state_dict(Growth(5).state_dict())
    assert (fewer.stage, fewer.is_fading, fewer.grown) == (2, False, 2)


@pytest.mark.parametrize("grown", [-0.5, 3.5, float("nan")])
def test_stages_that_there_are_not_are_refused(grown):
    with pytest.raises(CheckpointError, match="4 stages"):
        Growth(4).set(grown)
    if grown != 3.5:
        with pytest.raises(CheckpointError, match="4 stages"):
            Growth(4).load_state_dict({"grown": torch.tensor(grown)})
