"""A picture at every size, and all its sizes as one tensor (MSG-GAN, 1903.06048).

As one tensor, [b, n, 1, 1] with the pixels of all sizes behind one another, a pyramid goes where
pictures go: a gradient penalty sums over all sizes, an interpolation has one share for all.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.layers.resample import shrink
from ganvas.layers.sizes import sizes_to


def pyramid(images: Float[Tensor, "b c h w"]) -> list[Float[Tensor, "b c _ _"]]:
    """Average pictures to 4x4, 8x8 ... up to their own size."""
    size = images.shape[-1]
    return [shrink(images, size // smaller) for smaller in sizes_to(size)]


def flatten(scales: list[Float[Tensor, "b c _ _"]]) -> Float[Tensor, "b n 1 1"]:
    """Put all sizes into one tensor, the smallest first and channels innermost."""
    flat = torch.cat([scale.permute(0, 2, 3, 1).flatten(1) for scale in scales], dim=1)
    return flat[:, :, None, None]


def unflatten(
    flat: Float[Tensor, "b n 1 1"], *, channels: int, resolution: int
) -> list[Float[Tensor, "b c _ _"]]:
    """Take the sizes apart again, as views that are channels_last."""
    sizes = sizes_to(resolution)
    parts = torch.split(flat.flatten(1), [size * size * channels for size in sizes], dim=1)
    return [
        torch.unflatten(part, 1, (size, size, channels)).permute(0, 3, 1, 2)
        for size, part in zip(sizes, parts, strict=True)
    ]
