"""Spectral normalisation (1802.05957): every layer of a discriminator keeps slope 1."""

from typing import TypeVar

from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Embedding)

Network = TypeVar("Network", bound=nn.Module)


def with_spectral_norm(network: Network) -> Network:
    """Divide the weight of every linear, convolution and embedding by its largest singular value.

    In place; layers that have it already are left alone. The value comes from one power
    iteration a forward pass in training mode, none in eval mode; its two vectors are buffers,
    so they travel with the state dict and an interrupted training continues exactly.
    """
    for layer in list(network.modules()):
        if isinstance(layer, _LAYERS) and not parametrize.is_parametrized(layer, "weight"):
            spectral_norm(layer)
    return network
