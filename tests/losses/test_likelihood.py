"""The halves of the variational bound, against torch's own distributions in double precision."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from ganvas.losses.likelihood import absolute, divergence, gaussian


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_divergence_is_that_of_two_normal_distributions() -> None:
    mean, log_variance = numbers(4, 6), numbers(4, 6, seed=1)
    posterior = Normal(mean, torch.exp(log_variance / 2))
    expected = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(divergence(mean, log_variance), expected, check_dtype=False)
    assert divergence(torch.zeros(2, 3), torch.zeros(2, 3)) == 0


def test_the_reconstruction_is_a_log_likelihood() -> None:
    made, true = numbers(3, 2, 4, 4), numbers(3, 2, 4, 4, seed=1)
    log_sigma = torch.tensor(-0.7, dtype=torch.float64)
    expected = -Normal(made, log_sigma.exp()).log_prob(true).sum((1, 2, 3)).mean()
    torch.testing.assert_close(gaussian(made, true, log_sigma), expected)


def test_the_best_sigma_is_the_mean_error() -> None:
    """The gradient by sigma is zero exactly where sigma^2 is the mean squared error."""
    made, true = numbers(3, 1, 4, 4), numbers(3, 1, 4, 4, seed=1)
    best = (made - true).square().mean().sqrt().log()
    for shift, sign in ((0.0, 0), (0.3, 1), (-0.3, -1)):
        log_sigma = (best + shift).requires_grad_()
        (slope,) = torch.autograd.grad(gaussian(made, true, log_sigma), log_sigma)
        assert slope.item() == pytest.approx(0, abs=1e-9) if sign == 0 else slope * sign > 0


def test_the_absolute_error_is_a_mean_over_pixels() -> None:
    made = torch.tensor([[[[0.0, 1.0]]], [[[-1.0, 0.5]]]])
    assert absolute(made, torch.zeros(2, 1, 1, 2)).item() == pytest.approx(2.5 / 4)


def test_half_precision_is_widened_first() -> None:
    mean = torch.full((1, 1000), 0.01, dtype=torch.bfloat16)
    exact = 1000 * float(mean[0, 0]) ** 2 / 2
    assert divergence(mean, torch.zeros_like(mean)).item() == pytest.approx(exact, rel=1e-4)
    assert math.isclose(
        absolute(mean[None, None], torch.zeros(1, 1, 1, 1000)).item(), 0.01, rel_tol=0.01
    )
