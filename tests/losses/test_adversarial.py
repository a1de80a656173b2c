"""Adversarial losses against their formulas in numpy float64, values and gradients."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.losses.adversarial import ADVERSARIAL
from ganvas.losses.config import AdversarialName

NAMES = get_args(AdversarialName)


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def log_loss(t):
    return np.log(1 + np.exp(-t))


# Each entry: value of d, its gradients by r and by f; value of g, its gradient by f.
def bce(r, f, s):
    d = np.mean(s * log_loss(r) + (1 - s) * log_loss(-r)) + np.mean(log_loss(-f))
    return d, sigmoid(r) - s, sigmoid(f), np.mean(log_loss(f)), -sigmoid(-f)


def hinge(r, f, s):
    d = np.mean(np.maximum(0, s - r)) + np.mean(np.maximum(0, s + f))
    return d, -1.0 * (r < s), 1.0 * (f > -s), -np.mean(f), -np.ones_like(f)


def lsgan(r, f, s):
    d = np.mean((r - 1) ** 2) / 2 + np.mean(f**2) / 2
    return d, r - 1, f, np.mean((f - 1) ** 2) / 2, f - 1


def wgan(r, f, s):
    return np.mean(f) - np.mean(r), -np.ones_like(r), np.ones_like(f), -np.mean(f), -np.ones_like(f)


def relativistic(r, f, s):
    d, slope = np.mean(log_loss(r - f)), sigmoid(f - r)
    return d, -slope, slope, np.mean(log_loss(f - r)), -sigmoid(r - f)


FORMULAS = {
    "bce": bce,
    "hinge": hinge,
    "lsgan": lsgan,
    "wgan": wgan,
    "relativistic": relativistic,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("per_sample", [False, True])
def test_values_and_gradients_follow_the_formulas(name, per_sample):
    numbers = np.random.default_rng(0)
    r, f = numbers.normal(0, 3, 64), numbers.normal(-1, 3, 64)
    soft = numbers.uniform(0.8, 1, 64) if per_sample else 0.9
    value_d, by_r, by_f, value_g, g_by_f = FORMULAS[name](r, f, soft)

    real, fake = torch.tensor(r).requires_grad_(), torch.tensor(f).requires_grad_()
    row = ADVERSARIAL[name]
    d = row.d(real, fake, torch.tensor(soft) if per_sample else soft)
    g = row.g(real, fake)

    np.testing.assert_allclose([d.item(), g.item()], [value_d, value_g], rtol=1e-12)
    gradients = torch.autograd.grad(d, (real, fake), retain_graph=True)
    np.testing.assert_allclose(gradients[0], by_r / 64, rtol=1e-12)
    np.testing.assert_allclose(gradients[1], by_f / 64, rtol=1e-12)
    np.testing.assert_allclose(torch.autograd.grad(g, fake)[0], g_by_f / 64, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_ideal_d_is_the_least_loss_of_a_d_that_cannot_tell(name):
    row = ADVERSARIAL[name]
    levels = torch.linspace(-3, 3, 601, dtype=torch.float64)
    least = min(row.d(t.repeat(2), t.repeat(2), 1.0).item() for t in levels)
    assert least == pytest.approx(row.ideal_d, abs=1e-12)


def test_every_configurable_name_is_a_row():
    assert set(ADVERSARIAL) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_only_a_paired_loss_looks_at_reals_in_g(name):
    row, fake = ADVERSARIAL[name], torch.tensor([0.3, -1.0])
    if row.paired:
        with pytest.raises(AssertionError):
            row.g(None, fake)
    else:
        assert row.g(None, fake) == row.g(torch.tensor([5.0, 7.0]), fake)


def test_fake_labels_are_never_smoothed():
    real, fake = torch.zeros(3, dtype=torch.float64), torch.full((3,), 4.0, dtype=torch.float64)
    d = ADVERSARIAL["bce"].d
    # With r = 0 both halves of the real term are log 2, whatever the label.
    assert d(real, fake, 0.7).item() == pytest.approx(d(real, fake, 1.0).item(), rel=1e-14)


@settings(deadline=None)
@given(shift=st.floats(-50, 50))
def test_the_relativistic_loss_has_no_absolute_level(shift):
    real, fake = torch.tensor([0.5, -2.0]).double(), torch.tensor([1.0, 3.0]).double()
    row = ADVERSARIAL["relativistic"]
    assert row.d(real + shift, fake + shift, 1.0).item() == pytest.approx(row.d(real, fake, 1.0))
    assert row.g(real + shift, fake + shift).item() == pytest.approx(row.g(real, fake).item())


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_logits_are_reduced_in_fp32(name):
    # Summed in bf16, 4096 terms would lose all but two digits.
    numbers = torch.Generator().manual_seed(1)
    real, fake = torch.randn(2, 4096, generator=numbers).bfloat16()
    row = ADVERSARIAL[name]
    for value, exact in [
        (row.d(real, fake, 0.9), row.d(real.double(), fake.double(), 0.9)),
        (row.g(real, fake), row.g(real.double(), fake.double())),
    ]:
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(exact.item(), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_enormous_logits_give_finite_losses_and_gradients(name):
    real = torch.tensor([1e4, -1e4]).requires_grad_()
    fake = torch.tensor([-1e4, 1e4]).requires_grad_()
    row = ADVERSARIAL[name]
    total = row.d(real, fake, 0.9) + row.g(real, fake)
    gradients = torch.autograd.grad(total, (real, fake))
    assert total.isfinite()
    assert all(gradient.isfinite().all() for gradient in gradients)
