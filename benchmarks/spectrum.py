"""The spectrum of pictures, and how far the grid that upsampling leaves stands out of it."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

LUMINANCE = (0.299, 0.587, 0.114)
FAINTEST = 1e-12
"""Powers below count as this: a plane has no logarithm."""
REACH = 4
"""Neighbours of a frequency are up to so many steps away; the window smears a peak over one."""


def log_power(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
    """Return 10 log10 |DFT|^2 of each picture's luminance, the zero frequency at [0, 0].

    Its mean is taken off and a Hann window laid over it, or the jump from the right edge to the
    left would fill the axes with frequencies that no picture has. The scale is that of white
    noise: its expected power, before the logarithm, is its variance.
    """
    images = images.double()
    weights = images.new_tensor(LUMINANCE if images.shape[1] == 3 else (1.0,))
    luminance = torch.einsum("bchw,c->bhw", images, weights)
    centred = luminance - luminance.mean((1, 2), keepdim=True)
    rows, columns = (torch.hann_window(side, dtype=images.dtype) for side in images.shape[2:])
    window = rows[:, None] * columns
    power = torch.fft.fft2(centred * window).abs().square() / window.square().sum()
    return 10 * power.clamp(min=FAINTEST).log10()


def peaks(spectra: Float[Tensor, "b h w"], period_px: int) -> Float[Tensor, " b"]:
    """Return by how many dB patterns of this period stand out of the frequencies around them.

    Something that repeats every p pixels down and across lives at the multiples of 1/p alone. Each
    is compared with the mean of its neighbours, and those of smaller periods (1/2 in a period of
    4) are left out. Noise scores 0, but -3 dB at 2 px: waves that have no phase, their sine being
    0 at every pixel, have the same mean power and, in the mean, a lower logarithm.
    """
    height, width = spectra.shape[1:]
    near = F.pad(spectra[:, None], (REACH,) * 4, mode="circular")
    ring = spectra.new_ones(1, 1, 2 * REACH + 1, 2 * REACH + 1)
    ring[:, :, REACH - 1 : REACH + 2, REACH - 1 : REACH + 2] = 0
    excess = spectra - F.conv2d(near, ring / ring.sum())[:, 0]
    down, across = height // period_px, width // period_px
    multiples = excess[:, ::down, ::across]
    is_new = torch.ones(multiples.shape[1:], dtype=torch.bool)
    is_new[::2, ::2] = False
    return multiples[:, is_new].mean(1)


def by_radius(spectrum: Float[Tensor, "h w"]) -> Float[Tensor, " r"]:
    """Return the mean over all directions, for 0, 1, 2 ... waves a picture up to Nyquist's."""
    height, width = spectrum.shape
    assert height == width, "a ring of frequencies is a circle in square pictures only"
    waves = torch.fft.fftfreq(width, 1 / width)
    radius = torch.hypot(waves[:, None], waves).round().long()
    sums = torch.zeros(radius.max() + 1, dtype=spectrum.dtype)
    sums.index_add_(0, radius.flatten(), spectrum.flatten())
    return (sums / radius.flatten().bincount())[: width // 2 + 1]
