"""How pictures move: the same at every size, with a memory that goes over to the next scale."""

import pytest
import torch

from ganvas.style.config import StyleConfig
from ganvas.style.optimizers import MOVERS, Adam, Average, rate_at


def bowl(image):
    """A mean, as all losses here: a pixel's gradient falls with the number of pixels."""
    return image.square().mean(), 2 * image / image.numel()


def ramp(size: int) -> torch.Tensor:
    return torch.linspace(-0.8, 0.8, size).repeat(1, 1, size, 1)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_a_step_does_not_depend_on_the_size(name):
    ends = []
    for size in (8, 32):
        mover = MOVERS[name]()
        image = mover.start_scale(ramp(size))
        for _ in range(4):
            mover.step(bowl, 0.02)
        ends.append(float(image.detach()[0, 0, 0, 0]))
    assert ends[0] > -0.8
    assert ends[0] == pytest.approx(ends[1], abs=0.05)


def test_adam_takes_its_averages_to_the_next_scale():
    mover = Adam()
    mover.start_scale(ramp(16))
    for _ in range(30):
        mover.step(bowl, 0.0)
    image = mover.start_scale(ramp(32))
    before = image.clone()
    mover.step(bowl, 0.01)
    warm = (image - before).abs()[..., 2:6].mean()
    fresh = Adam()
    image = fresh.start_scale(ramp(32))
    before = image.clone()
    fresh.step(bowl, 0.01)
    cold = (image - before).abs()[..., 2:6].mean()
    # Both are a full step: no time is lost until old averages have died away.
    assert float(warm / cold) == pytest.approx(1, abs=0.1)
    assert mover._steps == 31


def test_the_average_is_unbiased_from_the_first_picture_on():
    average = Average(0.9)
    first = average.add(torch.full((1, 1, 2, 2), 0.5))
    torch.testing.assert_close(first, torch.full((1, 1, 2, 2), 0.5))
    for k in range(200):
        last = average.add(torch.full((1, 1, 2, 2), 0.5 + 0.1 * (-1) ** k))
    assert float((last - 0.5).abs().max()) < 0.01
    none = Average(0.0)
    none.add(torch.zeros(1, 1, 2, 2))
    torch.testing.assert_close(none.add(torch.ones(1, 1, 2, 2)), torch.ones(1, 1, 2, 2))


def test_steps_get_shorter_along_half_a_cosine():
    config = StyleConfig(learning_rate=0.04, final_rate=0.01)
    rates = [rate_at(config, k, 11) for k in range(11)]
    assert rates == sorted(rates, reverse=True)
    assert (rates[0], rates[10]) == (0.04, pytest.approx(0.01))
    assert rates[5] == pytest.approx(0.025)


def test_lbfgs_learns_the_curvature_from_a_first_step_of_the_given_length():
    mover = MOVERS["lbfgs"]()
    image = mover.start_scale(ramp(8))
    losses = [float(mover.step(bowl, 0.05))]
    assert float((image.detach() - ramp(8)).abs().mean()) == pytest.approx(0.05, rel=1e-3)
    losses += [float(mover.step(bowl, 0.05)) for _ in range(7)]
    assert losses[-1] < 1e-4 * losses[0]
