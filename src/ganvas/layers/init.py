"""Weights at the start: the scales that decide whether a deep pair trains at all."""

import math
from typing import TypeVar

import torch
from torch import nn

LEAKY_GAIN = math.sqrt(2 / (1 + 0.2**2))
"""Makes up for the power that a leaky ReLU of slope 0.2 takes away (He, 1502.01852)."""

LayerT = TypeVar("LayerT", nn.Linear, nn.Conv2d)


def fan_in(layer: LayerT, gain: float = 1.0) -> LayerT:
    """Draw weights from N(0, gain^2 / inputs), biases 0, so that outputs keep the inputs' scale."""
    inputs = layer.weight[0].numel()
    nn.init.normal_(layer.weight, std=gain / math.sqrt(inputs))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


@torch.no_grad()
def normal02(network: nn.Module) -> None:
    """Draw DCGAN's start: weights from N(0, 0.02), batch norm scales from N(1, 0.02), biases 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


@torch.no_grad()
def he(network: nn.Module) -> None:
    """Draw every layer from N(0, gain^2 / inputs) for leaky ReLU (He, 1502.01852), biases 0.

    Of a strided transposed convolution only kernel / stride^2 positions meet at an output pixel.
    The last layer is drawn with gain 1: no activation takes power away behind it.
    """
    layers = [
        module
        for module in network.modules()
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
    ]
    for layer in layers:
        gain = 1.0 if layer is layers[-1] else LEAKY_GAIN
        nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(_inputs(layer)))
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _inputs(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d) -> float:
    if isinstance(layer, nn.ConvTranspose2d):
        is_start = layer.stride[0] == 1
        positions = 1 if is_start else layer.weight[0, 0].numel() / layer.stride[0] ** 2
        return layer.in_channels * positions
    return layer.weight[0].numel()
