"""Equalised learning rate: scales at run time, and equal relative steps for all widths."""

import math

import pytest
import torch
from torch.nn import functional as F

from ganvas.layers.equalized import EqualizedConv2d, EqualizedLinear


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
def test_linear_is_its_formula(lr_multiplier):
    layer = EqualizedLinear(7, 5, gain=1.5, lr_multiplier=lr_multiplier, bias=0.3).double()
    x = normal(4, 7)
    weight = layer.weight * 1.5 * lr_multiplier / math.sqrt(7)
    torch.testing.assert_close(layer(x), x @ weight.T + 0.3)


@pytest.mark.parametrize("kernel", [1, 3])
def test_convolution_is_its_formula(kernel):
    layer = EqualizedConv2d(3, 5, kernel, gain=math.sqrt(2), bias=0.2).double()
    x = normal(2, 3, 6, 4)
    weight = layer.weight * math.sqrt(2 / (3 * kernel**2))
    padding = (kernel - 1) // 2
    torch.testing.assert_close(layer(x), F.conv2d(x, weight, padding=padding) + 0.2)


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
@pytest.mark.parametrize("inputs", [16, 1024])
def test_a_fresh_layer_keeps_the_scale_of_its_inputs(inputs, lr_multiplier):
    torch.manual_seed(1)
    layer = EqualizedLinear(inputs, 2000, gain=2.0, lr_multiplier=lr_multiplier)
    out = layer(torch.randn(64, inputs))
    assert out.std().item() == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
@pytest.mark.parametrize("inputs", [16, 1024])
def test_a_step_of_adam_changes_every_width_by_the_same_part(inputs, lr_multiplier):
    torch.manual_seed(2)
    layer = EqualizedLinear(inputs, 50, lr_multiplier=lr_multiplier)
    before = layer.scaled_weight().detach().clone()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.01, betas=(0.0, 0.99))
    layer(torch.randn(8, inputs)).square().sum().backward()
    optimizer.step()
    moved = (layer.scaled_weight() - before).norm() / before.norm()
    assert moved.item() == pytest.approx(0.01 * lr_multiplier, rel=0.1)
    assert layer.bias is not None
    step_of_bias = layer.scaled_bias().abs().mean().item()
    assert step_of_bias == pytest.approx(0.01 * lr_multiplier, rel=1e-3)


def test_without_bias_there_is_none():
    layer = EqualizedConv2d(2, 3, 1, bias=None)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert torch.equal(layer(torch.zeros(1, 2, 4, 4)), torch.zeros(1, 3, 4, 4))
