"""Every loss against its definition, and its gradient against finite differences in float64."""

import pytest
import torch
from matrix_roots import newton_schulz_root, through_matrix_roots

from ganvas.style import losses
from ganvas.style.moments import Moments, mix, moments

torch.manual_seed(0)


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def activations(channels=6, positions=40, seed=0):
    """Correlated and never negative, as a network's."""
    mixed = random(channels, channels, seed=seed + 1) @ random(channels, positions, seed=seed)
    return torch.relu(mixed + 0.3)


def stats(flat):
    return moments(flat[None, :, None], None, count=flat.shape[1])


def assert_gradient(function, *inputs):
    """Compare with central differences, element by element."""
    leaves = [one.clone().requires_grad_() for one in inputs]
    assert torch.autograd.gradcheck(function, leaves, eps=1e-6, atol=1e-6, rtol=1e-5)


def test_content_is_the_papers_half_sum_or_a_mean():
    one, other = random(1, 3, 4, 5), random(1, 3, 4, 5, seed=1)
    half = 0.5 * sum(float(d) ** 2 for d in (one - other).flatten())
    assert losses.content_loss(one, other, form="sum") == pytest.approx(half, rel=1e-5)
    assert losses.content_loss(one, other) == pytest.approx(2 * half / 60, rel=1e-5)


def test_gram_is_the_papers_equation_four():
    here, there = activations(), activations(seed=5)
    big_g, big_a = here @ here.T, there @ there.T
    expected = (big_g - big_a).square().sum() / (4 * 6**2 * 40**2)
    found = losses.gram_loss(stats(here).second, stats(there).second)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_and_their_gradient(weighted):
    flat = activations().reshape(1, 6, 5, 8)
    weights = torch.rand(5, 8, dtype=torch.float64) if weighted else None
    count = float(weights.sum()) if weighted else 40
    found = moments(flat, weights, count=count)
    share = (weights if weighted else torch.ones(5, 8, dtype=torch.float64)).flatten() / count
    rows = flat[0].flatten(1)
    torch.testing.assert_close(found.mean, rows @ share)
    torch.testing.assert_close(found.second, (rows * share) @ rows.T)
    slope = random(6, 6, seed=3)  # Not symmetric: the short backward pass must not need it.
    assert_gradient(lambda x: (moments(x, weights, count=count).second * slope).sum(), flat)
    assert_gradient(lambda x: moments(x, weights, count=count).mean.square().sum(), flat)


def test_mixed_moments_are_those_of_both_crowds_together():
    one, other = activations(positions=30), activations(positions=10, seed=7)
    together = stats(torch.cat([one, other], dim=1))
    mixed = mix([(0.75, stats(one)), (0.25, stats(other))])
    torch.testing.assert_close(mixed.mean, together.mean)
    torch.testing.assert_close(mixed.second, together.second)


@pytest.mark.parametrize("form", ["mean", "sum"])
def test_content_gradient(form):
    target = random(1, 3, 4, 5, seed=1)
    assert_gradient(lambda x: losses.content_loss(x, target, form=form), random(1, 3, 4, 5))


def test_gram_gradient():
    target = stats(activations(seed=5)).second
    assert_gradient(lambda x: losses.gram_loss(stats(x).second, target), activations())


def test_wasserstein_gradient():
    target = losses.gaussian(*vars(stats(activations(seed=5))).values())

    def distance(flat):
        found = stats(flat)
        return losses.wasserstein_loss(found.mean, found.second, target)

    assert_gradient(distance, activations())


def test_wasserstein_is_zero_at_the_target_and_right_for_known_normals():
    same = stats(activations())
    target = losses.gaussian(same.mean, same.second)
    assert losses.wasserstein_loss(same.mean, same.second, target).abs() < 1e-6
    # In one dimension: (m - m_s)^2 + (s - s_s)^2.
    ridge = losses.RIDGE
    first = losses.gaussian(torch.tensor([1.0]), torch.tensor([[1.0 + 4.0 - ridge]]))
    second = torch.tensor([[9.0 + 9.0 - ridge]])
    found = losses.wasserstein_loss(torch.tensor([3.0]), second, first)
    assert float(found) == pytest.approx((3 - 1) ** 2 + (3 - 2) ** 2, rel=1e-4)


def test_a_kept_tangent_touches_from_below():
    target = losses.gaussian(*vars(stats(activations(seed=5))).values())
    here, there = stats(activations()), stats(activations(seed=9))
    tangent = losses.bures_tangent(losses.covariance(here.mean, here.second), target)
    exact = losses.wasserstein_loss(there.mean, there.second, target)
    assert losses.wasserstein_loss(there.mean, there.second, target, tangent) < exact
    kept = losses.wasserstein_loss(here.mean, here.second, target, tangent)
    torch.testing.assert_close(kept, losses.wasserstein_loss(here.mean, here.second, target))


def test_capped_inverse_root_is_the_iterations():
    flat = activations(channels=12, positions=8)  # Of too low a rank to be inverted.
    matrix = flat @ flat.T
    values, vectors = torch.linalg.eigh(matrix)
    found = (vectors * losses.capped_inverse_root(values.clamp_min(0))) @ vectors.T
    torch.testing.assert_close(found, newton_schulz_root(matrix)[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("channels", "positions"), [(16, 400), (48, 400), (48, 24)])
def test_closed_form_agrees_with_autograd_through_matrix_roots(channels, positions):
    target = losses.gaussian(*vars(stats(activations(channels, 500, seed=5))).values())
    grads, values = [], []
    for distance in (losses.wasserstein_loss, through_matrix_roots):
        flat = activations(channels, positions).requires_grad_()
        found = stats(flat)
        value = distance(found.mean, found.second, target)
        values.append(value.item())
        grads.append(torch.autograd.grad(value, flat)[0].flatten())
    assert values[0] == pytest.approx(values[1], rel=2e-2)
    assert torch.cosine_similarity(*grads, dim=0) > 0.99
    assert float(grads[0].norm() / grads[1].norm()) == pytest.approx(1, abs=0.05)


def test_variations_by_hand():
    image = torch.tensor([[[[0.0, 1.0], [0.0, 3.0]]]])
    assert float(losses.squared_variation(image)) == pytest.approx((1 + 9) / 2 + (0 + 4) / 2)
    assert float(losses.absolute_variation(image)) == pytest.approx((1 + 3) / 2 + (0 + 2) / 2)
    straight = (1 + 0 + 9 + 0) / 4 + (0 + 4 + 0 + 0) / 4
    diagonal = (9 + 4 + 9 + 0) / 4 + (1 + 4 + 9 + 0) / 4
    nine = 2 / 3 * straight + diagonal / 6
    assert float(losses.nine_point_variation(image)) == pytest.approx(nine)


@pytest.mark.parametrize("name", losses.VARIATIONS)
def test_variation_gradient_and_that_it_is_a_mean(name):
    variation = losses.VARIATIONS[name]
    assert_gradient(variation, random(1, 2, 4, 5))
    ramp = torch.arange(64.0).repeat(64, 1)[None, None]
    assert float(variation(ramp)) == pytest.approx(float(variation(ramp[..., :32])), rel=0.05)


def test_moments_add_up():
    flat = activations().reshape(1, 6, 5, 8)
    left = moments(flat[..., :3], None, count=40)
    both = left.plus(moments(flat[..., 3:], None, count=40))
    assert isinstance(both, Moments)
    torch.testing.assert_close(both.second, moments(flat, None, count=40).second)
