"""The augmentations: per sample, linear in its pixels, so differentiable any number of times.

Each is a row of OPERATIONS. `draw` makes its numbers, one row a sample, in units where zeros
change nothing; `apply` carries them out. None uses grid_sample (no second derivative), none
looks at another sample, and channels_last pictures stay channels_last.

Where a shift or a zoom uncovers an edge, the picture is mirrored: a constant fill, as in
DiffAugment, is what leaks first into generated pictures. Only cutout fills, with 0 (mid-grey).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from ganvas.augment.config import Operation
from ganvas.core.canvas import Resolution, sides

Images = Float[Tensor, "b c h w"]
Numbers = Float[Tensor, "b n"]


@dataclass(frozen=True)
class Augmentation:
    """How one operation is drawn and carried out."""

    draw: Callable[[int, Resolution, Generator], Numbers]
    """draw(num, resolution, generator)"""
    apply: Callable[[Images, Numbers], Images]
    """apply(images, numbers); a row of zeros leaves its picture exactly as it is."""


def draw_flip(num: int, _resolution: Resolution, generator: Generator) -> Numbers:
    """A fair coin: flipping always would only mirror what G learns."""
    return torch.randint(0, 2, (num, 1), generator=generator).float()


def flip(images: Images, numbers: Numbers) -> Images:
    """Mirror left and right where the number is 1."""
    return torch.where(numbers[:, :, None, None] > 0, images.flip(3), images)


def draw_rotate90(num: int, _resolution: Resolution, generator: Generator) -> Numbers:
    """None to three quarter turns, each as likely."""
    return torch.randint(0, 4, (num, 1), generator=generator).float()


def rotate90(images: Images, numbers: Numbers) -> Images:
    """Turn square pictures counter-clockwise by a number of quarter turns."""
    centre = (images.shape[2] - 1) / 2
    position = torch.arange(images.shape[2], device=images.device) - centre
    y, x = position[:, None], position[None, :]
    angle = numbers[:, :, None] * (pi / 2)
    cos, sin = angle.cos().round(), angle.sin().round()
    rows, columns = cos * y + sin * x + centre, cos * x - sin * y + centre
    return _pick(images, rows.long(), columns.long())


def draw_translation(num: int, resolution: Resolution, generator: Generator) -> Numbers:
    """Whole (rows, columns), up to an eighth of the picture each way (2006.10738)."""
    down, right = (round(side / 8) for side in sides(resolution))
    drawn = _below((2 * down + 1, 2 * right + 1), num, generator)
    return (drawn - torch.tensor([down, right])).float()


def translation(images: Images, numbers: Numbers) -> Images:
    """Shift down by the first number and right by the second."""
    down, right = numbers[:, :, None].long().unbind(1)
    height, width = images.shape[2:]
    rows = _mirrored(torch.arange(height, device=images.device) - down, height)
    columns = _mirrored(torch.arange(width, device=images.device) - right, width)
    return _pick(images, rows[:, :, None], columns[:, None, :])


def draw_scale(num: int, _resolution: Resolution, generator: Generator) -> Numbers:
    """log2 of the zoom, N(0, .2^2) (2006.06676)."""
    return 0.2 * torch.randn(num, 1, generator=generator)


def scale(images: Images, numbers: Numbers) -> Images:
    """Zoom about the centre by 2^number.

    A matrix per sample resamples rows and columns: linear interpolation, whose triangle widens
    where the picture shrinks (antialiasing) and is cut off and renormalised at the edges.
    """
    b, c, h, w = images.shape
    down = _zooming(numbers, h).to(images.dtype)
    across = down if w == h else _zooming(numbers, w).to(images.dtype)
    with torch.autocast(images.device.type, enabled=False):
        # Each product in the layout that suits it, for one copy in between instead of three.
        rows = torch.bmm(down, images.permute(0, 2, 3, 1).reshape(b, h, w * c))
        planes = rows.view(b, h, w, c).permute(0, 3, 1, 2).reshape(b, c * h, w)
        zoomed = torch.bmm(planes, across.mT).view(b, c, h, w)
    # Matrix products may round (TF32): what is not to be zoomed is not taken from them.
    return torch.where(numbers[:, :, None, None] == 0, images, zoomed)


def draw_color(num: int, _resolution: Resolution, generator: Generator) -> Numbers:
    """Changes of brightness, saturation and contrast: U(-.5, .5), U(-1, 1), U(-.5, .5)."""
    return (torch.rand(num, 3, generator=generator) - 0.5) * torch.tensor([1.0, 2.0, 1.0])


def color(images: Images, numbers: Numbers) -> Images:
    """Brightness, saturation, contrast (2006.10738); the second is no change for one channel.

    y = x + brightness; y = gray + saturation (y - gray); y = mean + contrast (y - mean), where
    gray is the mean over channels and mean that over the picture: expanded, one pass over pixels.
    """
    channels = images.unbind(1)
    # A mean over the channels, the innermost axis of channels_last, would take twice as long.
    gray = sum(channels[1:], start=channels[0])[:, None] / len(channels)
    mean = gray.mean((2, 3), keepdim=True)
    brightness, more_saturation, more_contrast = numbers[:, :, None, None, None].unbind(1)
    contrast = 1 + more_contrast
    if len(channels) == 1:
        return images * contrast + (brightness - more_contrast * mean)
    rest = brightness - more_contrast * mean - contrast * more_saturation * gray
    return images * (contrast * (1 + more_saturation)) + rest


def draw_cutout(num: int, resolution: Resolution, generator: Generator) -> Numbers:
    """(top, left, side) of a square of half the shorter side, its centre anywhere (2006.10738)."""
    height, width = sides(resolution)
    side = (min(height, width) + 1) // 2
    corner = _below((height - side % 2 + 1, width - side % 2 + 1), num, generator) - side // 2
    return torch.cat([corner, torch.full((num, 1), side)], dim=1).float()


def cutout(images: Images, numbers: Numbers) -> Images:
    """Fill a square with 0."""
    top, left, side = numbers[:, :, None].unbind(1)
    row = torch.arange(images.shape[2], device=images.device)
    column = torch.arange(images.shape[3], device=images.device)
    rows = (row >= top) & (row < top + side)
    columns = (column >= left) & (column < left + side)
    return images * ~(rows[:, None, :, None] & columns[:, None, None, :])


OPERATIONS: dict[Operation, Augmentation] = {
    "flip": Augmentation(draw_flip, flip),
    "rotate90": Augmentation(draw_rotate90, rotate90),
    "translation": Augmentation(draw_translation, translation),
    "scale": Augmentation(draw_scale, scale),
    "color": Augmentation(draw_color, color),
    "cutout": Augmentation(draw_cutout, cutout),
}


def _below(limits: tuple[int, int], num: int, generator: Generator) -> Int[Tensor, "n 2"]:
    """Draw whole numbers from 0 on, below one limit for rows and one for columns."""
    if limits[0] == limits[1]:
        return torch.randint(limits[0], (num, 2), generator=generator)
    each = [torch.randint(limit, (num, 1), generator=generator) for limit in limits]
    return torch.cat(each, dim=1)


def _zooming(log_zoom: Numbers, size: int) -> Float[Tensor, "b {size} {size}"]:
    """Return the matrix that zooms a line of pixels, for each sample."""
    zoom = torch.exp2(log_zoom)
    position = torch.arange(size, device=zoom.device) - (size - 1) / 2
    source = _mirrored(position / zoom + (size - 1) / 2, size)
    distance = (source[:, :, None] - torch.arange(size, device=zoom.device)).abs()
    weights = (1 - distance * zoom.clamp(max=1)[:, :, None]).clamp(min=0)
    return weights / weights.sum(2, keepdim=True)


def _mirrored(position: Tensor, size: int) -> Tensor:
    """Fold positions outside 0..size-1 back in, about the centres of the outermost pixels."""
    last = size - 1
    return last - (position % (2 * last) - last).abs()


def _pick(images: Images, rows: Int[Tensor, "b h _"], columns: Int[Tensor, "b _ w"]) -> Images:
    """Take pixel (rows, columns) of the same sample for each pixel of the result, exactly."""
    b, c, h, w = images.shape
    first = h * torch.arange(b, device=images.device)[:, None, None]
    source = ((first + rows) * w + columns).flatten()
    pixels = images.permute(0, 2, 3, 1).reshape(b * h * w, c)
    return pixels.index_select(0, source).view(b, h, w, c).permute(0, 3, 1, 2)
