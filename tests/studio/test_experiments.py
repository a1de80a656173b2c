"""What the lesson says of its experiments is what they show."""

import numpy as np
import pytest

from ganvas.studio import experiments
from ganvas.studio.experiments import MODES, duel, found_spots, layers, spots


def last(kind: str, seed: int) -> list[experiments.Frame]:
    return list(duel(kind, seed=seed))[-8:]


def test_a_spot_is_found_when_enough_points_are_near_it():
    two = np.repeat(spots()[:2], 100, axis=0)
    assert found_spots(two) == 2
    assert found_spots(two + 10 * experiments.SPREAD) == 0
    assert found_spots(np.concatenate([two, spots()])) == 2  # One of 208 points is too few.


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_without_the_penalty_it_collapses_and_with_it_all_spots_are_found(seed):
    assert max(frame.found for frame in last("collapse", seed)) <= 3
    assert last("cured", seed)[-1].found >= MODES - 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_discriminator_that_is_too_fast_is_nearly_always_right(seed):
    upset, mended = last("upset", seed), last("mended", seed)
    assert np.mean([frame.accuracy for frame in upset]) > 0.9
    assert np.mean([frame.loss_d for frame in upset]) < 0.5
    assert upset[-1].found <= 3
    assert np.mean([frame.accuracy for frame in mended]) < 0.7
    assert mended[-1].found >= MODES - 1


def test_the_drawn_layers_are_those_of_the_real_networks():
    shapes = layers("dcgan", 64)
    assert [shape for _, shape in shapes["G"]][-1] == (3, 64, 64)
    assert [name for name, _ in shapes["G"]] == ["in", *["deconv"] * 5]
    assert shapes["D"][-1] == ("linear", (1,))
