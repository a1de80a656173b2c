"""The step for few pictures: D learns to rebuild the reals, and nothing else is taught by that."""

import numpy as np
import pytest
import torch

from ganvas.core.errors import ConfigError
from ganvas.training.loop import train_steps


class Flat:
    """40 pictures of one colour each: easy to rebuild."""

    resolution, channels, num_classes = 32, 3, 0

    def __len__(self):
        return 40

    def batch(self, indices):
        colours = np.random.default_rng(5).integers(0, 256, (40, 1, 1, 3), dtype=np.uint8)
        return np.broadcast_to(colours[indices], (len(indices), 32, 32, 3)), None


def test_d_learns_to_rebuild_the_reals(tiny):
    def missed(weight):
        changes = {"loss": {"rebuilding": weight}, "kimg": 0.16, "optim": {"lr_d": 2e-3}}
        steps = train_steps(tiny("fastgan", changes), Flat())
        return [float(report.stats["loss/rebuilding"]) for report in steps]

    taught, ignored = missed(10.0), missed(0.0)
    assert taught[0] == pytest.approx(ignored[0], rel=1e-6)
    assert np.mean(taught[-4:]) < 0.7 * np.mean(taught[:4])
    assert np.mean(ignored[-4:]) > 0.8 * np.mean(ignored[:4])


def test_without_rebuilding_it_is_the_standard_step(tiny, pictures):
    """The decoders apart: where nothing is rebuilt the two procedures are one."""
    weights = []
    for recipe in ("fastgan", "standard"):
        changes = {"recipe": recipe, "loss": {"rebuilding": 0.0}, "kimg": 0.016}
        *_, last = train_steps(tiny("fastgan", changes), pictures(32))
        weights.append(last.state)
    for name in ("G", "D"):
        one, other = (getattr(state, name).state_dict() for state in weights)
        for key, value in one.items():
            torch.testing.assert_close(value, other[key], msg=key)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"loss": {"penalties": ["r1"]}}, "no loss.penalties"),
        ({"optim": {"n_critic": 2}}, "every step"),
    ],
)
def test_what_does_not_fit_is_refused(tiny, changes, reason):
    with pytest.raises(ConfigError, match=reason):
        tiny("fastgan", changes)


def test_a_network_that_cannot_rebuild_is_refused(tiny):
    with pytest.raises(ConfigError, match=r"cannot train model.arch dcgan: use standard or sim"):
        tiny("dcgan", {"recipe": "fastgan"})
