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
