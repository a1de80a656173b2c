"""Penalties against closed forms and finite differences, first and second order."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.func import functional_call
from torch.nn import functional as F

from ganvas.augment import pipe
from ganvas.augment.config import AugmentConfig
from ganvas.losses import penalties

SHAPE = (5, 2, 3, 3)
PIXELS = 18


class Quadratic(nn.Module):
    """D(x) = x A x / 2 + b x, whose gradient A x + b is known (A symmetric)."""

    def __init__(self):
        super().__init__()
        numbers = np.random.default_rng(3)
        matrix = numbers.normal(size=(PIXELS, PIXELS))
        self.A = nn.Parameter(torch.tensor(matrix + matrix.T))
        self.b = nn.Parameter(torch.tensor(numbers.normal(size=PIXELS)))

    def forward(self, images):
        x = images.flatten(1)
        return ((x @ self.A) * x).sum(1) / 2 + x @ self.b


def smooth_network():
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 3, 2), nn.Softplus(), nn.Conv2d(3, 1, 2), nn.Tanh(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(1, 1), nn.Flatten(0)).double()


def normal(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


def check_second_order(penalty_of, network):
    """Compare d penalty / d weights with finite differences of the whole penalty."""
    names = [name for name, _ in network.named_parameters()]

    def penalty(*weights):
        values = dict(zip(names, weights, strict=True))
        return penalty_of(lambda images: functional_call(network, values, images))

    assert gradcheck(penalty, tuple(network.parameters()))


def test_zero_centered_is_the_squared_slope_and_so_is_its_gradient():
    D, images = Quadratic(), normal(*SHAPE).requires_grad_()
    penalty = penalties.zero_centered(images, D(images))
    by_A, by_b = torch.autograd.grad(penalty, (D.A, D.b))

    x, A, b = images.detach().flatten(1).numpy(), D.A.detach().numpy(), D.b.detach().numpy()
    slope = x @ A + b
    assert penalty.item() == pytest.approx((slope**2).sum(1).mean(), rel=1e-12)
    np.testing.assert_allclose(by_b, 2 * slope.mean(0), rtol=1e-12)
    # D uses A only through its symmetric part.
    half = slope.T @ x / len(x)
    np.testing.assert_allclose(by_A, half + half.T, rtol=1e-10)


def test_zero_centered_second_order():
    def penalty(score):
        images = normal(*SHAPE).requires_grad_()
        return penalties.zero_centered(images, score(images))

    check_second_order(penalty, smooth_network())


def test_zero_centered_of_packs_is_that_of_the_packed_pictures():
    D, images = Quadratic(), normal(10, 1, 3, 3).requires_grad_()
    packed = images.detach().reshape(5, 2, 3, 3).requires_grad_()
    through_packing = penalties.zero_centered(images, D(images.reshape(5, 2, 3, 3)))
    direct = penalties.zero_centered(packed, D(packed))
    assert through_packing.item() == pytest.approx(direct.item(), rel=1e-14)


def test_finite_difference_is_its_formula():
    D, images, noise = Quadratic(), normal(*SHAPE), normal(*SHAPE, seed=1)
    sigma = 0.3
    penalty = penalties.finite_difference(D, images, D(images), noise, sigma)
    x, n, A, b = (t.detach().reshape(-1, PIXELS).numpy() for t in (images, noise, D.A, D.b))
    along = ((x @ A + b) * n).sum(1) + sigma / 2 * ((n @ A) * n).sum(1)
    assert penalty.item() == pytest.approx((along**2).mean(), rel=1e-11)


def test_finite_difference_second_order():
    images, noise = normal(*SHAPE), normal(*SHAPE, seed=1)
    check_second_order(
        lambda score: penalties.finite_difference(score, images, score(images), noise, 0.1),
        smooth_network(),
    )


def test_finite_difference_estimates_the_squared_slope_with_the_documented_spread():
    num = 20_000
    D, image = smooth_network(), normal(1, *SHAPE[1:]).requires_grad_()
    exact = penalties.zero_centered(image, D(image)).item()
    noise = normal(num, *SHAPE[1:], seed=2)
    images = image.detach().expand_as(noise)
    with torch.no_grad():
        estimates = torch.stack(
            [
                penalties.finite_difference(D, x[None], D(x[None]), n[None], 1e-3)
                for x, n in zip(images[:500], noise, strict=False)
            ]
        )
        estimate = penalties.finite_difference(D, images, D(images), noise, 1e-3).item()
    assert estimate == pytest.approx(exact, rel=4 * (2 / num) ** 0.5)
    assert estimates.std().item() == pytest.approx(2**0.5 * exact, rel=0.25)


def test_finite_difference_refuses_half_precision():
    images = torch.randn(2, 1, 3, 3)
    score = nn.Sequential(nn.Flatten(), nn.Linear(9, 1), nn.Flatten(0))
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(AssertionError, match="half"):
        penalties.finite_difference(score, images, score(images), images, 0.01)


def test_one_centered_measures_the_slope_between_real_and_fake():
    D, real, fake = Quadratic(), normal(*SHAPE), normal(*SHAPE, seed=1)
    mix = torch.tensor(np.random.default_rng(2).uniform(size=5))
    penalty = penalties.one_centered(D, real, fake, mix)
    r, f, A, b = (t.detach().reshape(-1, PIXELS).numpy() for t in (real, fake, D.A, D.b))
    share = mix.numpy()[:, None]
    slope = (share * r + (1 - share) * f) @ A + b
    length = np.linalg.norm(slope, axis=1, keepdims=True)
    assert penalty.item() == pytest.approx(((length - 1) ** 2).mean(), rel=1e-12)
    (by_b,) = torch.autograd.grad(penalty, D.b)
    np.testing.assert_allclose(by_b, 2 * ((length - 1) * slope / length).mean(0), rtol=1e-12)


def test_one_centered_judges_a_pack_as_one():
    """A linear verdict on two pictures, whose slope over both is 1."""
    weight = torch.randn(2, 9, dtype=torch.float64)
    weight /= weight.norm()
    real, fake = normal(4, 1, 3, 3), normal(4, 1, 3, 3, seed=1)
    seen = []

    def score(images):
        seen.append(images.detach())
        return images.reshape(2, 18) @ weight.flatten()

    mix = torch.tensor([0.2, 0.9, 0.6, 0.1], dtype=torch.float64)
    assert penalties.one_centered(score, real, fake, mix, pack=2).item() == pytest.approx(0)
    share = torch.tensor([0.2, 0.2, 0.6, 0.6], dtype=torch.float64)[:, None, None, None]
    torch.testing.assert_close(seen[0], share * real + (1 - share) * fake)


def test_one_centered_second_order():
    real, fake, mix = normal(*SHAPE), normal(*SHAPE, seed=1), torch.rand(5).double()
    check_second_order(
        lambda score: penalties.one_centered(score, real, fake, mix), smooth_network()
    )


def test_one_centered_leaves_g_alone():
    D, fake = Quadratic(), normal(*SHAPE).requires_grad_()
    penalties.one_centered(D, normal(*SHAPE, seed=1), fake, torch.full((5,), 0.5)).backward()
    assert fake.grad is None


def test_a_flat_discriminator_has_finite_gradients():
    weight = torch.zeros(9, requires_grad=True)
    images = torch.randn(2, 1, 3, 3)
    penalty = penalties.one_centered(
        lambda x: x.flatten(1) @ weight, images, images, torch.tensor([0.2, 0.7])
    )
    assert penalty.item() == 1.0
    assert torch.autograd.grad(penalty, weight)[0].isfinite().all()


def test_drift_is_the_mean_square():
    logits = torch.tensor([1.0, -3.0], dtype=torch.bfloat16)
    assert penalties.drift(logits).dtype == torch.float32
    assert penalties.drift(logits).item() == 5.0


def test_points_are_pictures_of_one_pixel():
    points = torch.tensor([[3.0, 4.0], [0.0, 1.0]]).view(2, 2, 1, 1).requires_grad_()
    penalty = penalties.zero_centered(points, points.square().sum((1, 2, 3)))
    assert penalty.item() == pytest.approx((4 * 25 + 4 * 1) / 2)


@pytest.mark.parametrize("name", ["r1", "wgan-gp"])
def test_autocast_leaves_the_penalty_in_fp32_and_close(name):
    torch.manual_seed(0)
    D = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Softplus(), nn.Flatten(), nn.Linear(8 * 36, 1))
    images = torch.rand(16, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    config = AugmentConfig(operations=("translation", "scale", "color"))
    draws = pipe.draw(16, config, resolution=8, generator=torch.Generator().manual_seed(0))

    def penalty_and_gradient(*, autocast):
        def score(x):
            return D(pipe.apply(x, draws, 0.8)).squeeze(1)

        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            x = images.clone().requires_grad_()
            if name == "r1":
                penalty = penalties.zero_centered(x, score(x))
            else:
                penalty = penalties.one_centered(score, images, -images, torch.full((16,), 0.3))
        return penalty, torch.cat([g.flatten() for g in torch.autograd.grad(penalty, D[0].weight)])

    exact, exact_gradient = penalty_and_gradient(autocast=False)
    penalty, gradient = penalty_and_gradient(autocast=True)
    assert penalty.dtype == gradient.dtype == torch.float32
    assert penalty.item() == pytest.approx(exact.item(), rel=0.02)
    assert F.cosine_similarity(gradient, exact_gradient, dim=0) > 0.999


def test_slopes_of_fp32_parts_stay_exact_under_autocast():
    config = AugmentConfig(operations=("scale",))
    draws = pipe.draw(4, config, resolution=8, generator=torch.Generator().manual_seed(0))
    images = torch.rand(4, 3, 8, 8).requires_grad_()

    def penalty():
        bent = pipe.apply(images, draws, 1.0).pow(3).sum((1, 2, 3))
        return penalties.zero_centered(images, bent)

    with torch.autocast("cpu", torch.bfloat16):
        under_autocast = penalty()
    assert torch.equal(under_autocast, penalty())
