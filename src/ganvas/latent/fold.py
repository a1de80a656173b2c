"""What makes a finished generator fast: BatchNorm folded away, and half the bits.

In eval mode BatchNorm is a fixed scale and shift a channel, and both fit into the weights and
the bias of the convolution or linear layer in front: the same function with fewer layers.
"""

import copy
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

NetworkT = TypeVar("NetworkT", bound=nn.Module)


def fold_batch_norm(network: NetworkT) -> NetworkT:
    """Return a copy in eval mode without the BatchNorm layers that directly follow a layer."""
    folded = copy.deepcopy(network).eval()
    for module in list(folded.modules()):
        if isinstance(module, nn.Sequential):
            _fold_neighbours(module)
    return folded


def compute_in_bf16(network: nn.Module) -> None:
    """Turn weights and arithmetic to bf16, in place; inputs and outputs stay fp32.

    Pictures change by a few of 255 grey levels: bf16 keeps 8 bits of a number.
    """
    network.to(torch.bfloat16)
    network.register_forward_pre_hook(lambda _, inputs: tuple(map(_to_bf16, inputs)))
    network.register_forward_hook(lambda *called: called[-1].float())


def _to_bf16(value: Any) -> Any:
    is_float = isinstance(value, Tensor) and value.is_floating_point()
    return value.bfloat16() if is_float else value


def _fold_neighbours(layers: nn.Sequential) -> None:
    for (name, layer), (norm_name, norm) in pairwise(list(layers.named_children())):
        if isinstance(norm, _BatchNorm) and norm.running_mean is not None:
            fused = _fused(layer, norm)
            if fused is not None:
                layers.register_module(name, fused)
                # An identity, not a gap: names of the layers behind stay what they were.
                layers.register_module(norm_name, nn.Identity())


def _fused(layer: nn.Module, norm: _BatchNorm) -> nn.Module | None:
    if isinstance(layer, nn.Linear):
        # torch's helper for linear layers fails on a norm without scales; the others do not.
        return fuse_linear_bn_eval(layer, norm) if norm.affine else None
    if isinstance(layer, nn.ConvTranspose2d):
        # torch's formula scales a whole output channel, which groups would split.
        return fuse_conv_bn_eval(layer, norm, transpose=True) if layer.groups == 1 else None
    return fuse_conv_bn_eval(layer, norm) if isinstance(layer, nn.Conv2d) else None
