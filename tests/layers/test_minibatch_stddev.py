"""Minibatch standard deviation against numpy, its grouping and its derivatives."""

import numpy as np
import pytest
import torch
from torch.autograd import gradgradcheck

from ganvas.layers.minibatch_stddev import MinibatchStddev


@pytest.mark.parametrize(
    ("batch", "group_size", "group"), [(8, 4, 4), (6, 4, 3), (5, 4, 1), (2, 4, 2), (12, 32, 12)]
)
def test_the_last_channel_is_the_spread_within_the_group(batch, group_size, group):
    features = np.random.default_rng(0).normal(size=(batch, 3, 2, 2))
    result = MinibatchStddev(group_size)(torch.tensor(features)).numpy()
    np.testing.assert_array_equal(result[:, :3], features)
    for i in range(batch):
        mates = features[[j for j in range(batch) if (i - j) % (batch // group) == 0]]
        assert len(mates) == group
        expected = np.sqrt(mates.var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(result[i, 3], expected, rtol=1e-10)


def test_equal_samples_have_no_spread_and_finite_derivatives():
    features = torch.ones(4, 2, 3, 3, requires_grad=True)
    result = MinibatchStddev()(features)
    assert result[:, 2].max() < 2e-4
    (gradient,) = torch.autograd.grad(result.square().sum(), features, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), features)
    assert second.isfinite().all()


def test_twice_differentiable():
    features = torch.tensor(np.random.default_rng(0).normal(size=(4, 1, 2, 2)), requires_grad=True)
    assert gradgradcheck(MinibatchStddev(2), features)


def test_dtype_and_layout_are_kept():
    features = torch.randn(4, 16, 4, 4).bfloat16().contiguous(memory_format=torch.channels_last)
    result = MinibatchStddev()(features)
    assert result.dtype == torch.bfloat16
    assert result.is_contiguous(memory_format=torch.channels_last)
