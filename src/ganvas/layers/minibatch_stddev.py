"""Minibatch standard deviation (1710.10196): lets D see how varied a batch is."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganvas.core.device import in_fp32


class MinibatchStddev(nn.Module):
    """Appends one channel holding the mean standard deviation within groups of samples.

    As in StyleGAN2, sample i belongs to group i mod (b / group_size); a batch that does not
    divide takes the largest smaller group that does. It couples samples: not with a
    relativistic loss (2501.05441), and micro-batches change what it computes.
    """

    def __init__(self, group_size: int = 4) -> None:
        super().__init__()
        self.group_size = group_size

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c+1 h w"]:
        """Return the features with the statistic as their last channel."""
        b, _, h, w = features.shape
        group = max(size for size in range(1, min(self.group_size, b) + 1) if b % size == 0)
        groups = torch.unflatten(in_fp32(features), 0, (group, b // group))
        # torch's var is ten times slower over the outermost axis.
        variance = (groups - groups.mean(0)).square().mean(0)
        # The epsilon keeps the second derivative finite where all samples are equal.
        spread = (variance + 1e-8).sqrt().mean((1, 2, 3)).to(features.dtype)
        channel = spread.repeat(group).view(b, 1, 1, 1).expand(b, 1, h, w)
        # An expanded tensor has no layout, and torch.cat would give up that of the features.
        channel = channel.contiguous(memory_format=torch.channels_last)
        return torch.cat([features, channel], dim=1)
