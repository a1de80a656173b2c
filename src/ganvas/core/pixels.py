"""uint8 and float images: the only place where the range of a picture changes.

A float image is float32[B,C,H,W] in [-1, 1]; uint8 exists only in files, loaders and PNGs.
"""

import numpy as np
import torch
from jaxtyping import Float, UInt8, UInt16
from torch import Tensor


def from_uint8(images: UInt8[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Map 0..255 to [-1, 1]: x / 127.5 - 1. Keeps the memory format."""
    return images.to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(images: Float[Tensor, "b c h w"]) -> UInt8[Tensor, "b c h w"]:
    """Map [-1, 1] to 0..255, rounded to the nearest level; values outside are clamped."""
    return images.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def to_arrays(images: Float[Tensor, "b c h w"]) -> UInt8[np.ndarray, "b h w c"]:
    """Float images to numpy pictures, as files and grids want them."""
    return to_uint8(images).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def from_arrays(pictures: UInt8[np.ndarray, "b h w c"]) -> Float[Tensor, "b c h w"]:
    """Numpy pictures to float images in channels_last memory, without a copy of the bytes."""
    return from_uint8(torch.from_numpy(pictures).permute(0, 3, 1, 2))


def to_deep_arrays(images: Float[Tensor, "b c h w"]) -> UInt16[np.ndarray, "b h w c"]:
    """Float images to pictures of 16 bits, for printing: no steps in soft gradients."""
    levels = images.float().add(1.0).mul_(32767.5).round_().clamp_(0, 65535)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy().astype(np.uint16)


def deepen(levels: UInt8[np.ndarray, "h w"]) -> UInt16[np.ndarray, "h w"]:
    """8 bits to 16: white stays white."""
    return levels.astype(np.uint16) * np.uint16(257)
