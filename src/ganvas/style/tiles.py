"""Computing a large picture in parts with the same result: where to cut, and what it costs."""

import itertools
import math
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.core import memory

STEP: Final = 16
"""Cuts lie on multiples of the deepest layer's stride, so that pools meet the same pixels."""
HALO: Final = 96
"""What a part sees beyond its border; the deepest layer looks 86 px far."""
BYTES_PER_PIXEL: Final = {"bf16": 1_800, "fp32": 3_000}
"""Memory of one forward and backward pass through the network, measured."""
KEPT_BYTES_PER_PIXEL: Final = 190
"""The picture, its gradient, averages and targets, which are kept whole."""
FORWARD_BYTES_PER_PIXEL: Final = {"bf16": 400, "fp32": 800}
"""Memory of the forward pass alone, by which paintings are measured."""
LEAST_PX: Final = 2 * HALO + 2 * STEP
"""A smaller tile could have no position of its own in the deepest layer."""
USED_SHARE: Final = 0.5
"""How much of the free memory is taken."""


@dataclass(frozen=True)
class Tile:
    """Its own pixels, and those it must see to compute them, as (top, bottom, left, right)."""

    inner: tuple[int, int, int, int]
    outer: tuple[int, int, int, int]

    def crop(self, images: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 c _h _w"]:
        """Cut out what the tile sees."""
        top, bottom, left, right = self.outer
        return images[..., top:bottom, left:right]

    def own(self, features: Float[Tensor, "1 c h w"], stride: int) -> Float[Tensor, "1 c _h _w"]:
        """Cut the tile's own positions out of a layer of what it sees."""
        top, bottom, left, right = self.span(stride)
        above, before = self.outer[0] // stride, self.outer[2] // stride
        return features[..., top - above : bottom - above, left - before : right - before]

    def span(self, stride: int) -> tuple[int, int, int, int]:
        """Give the tile's own positions in a layer of the whole picture."""
        top, bottom, left, right = (edge // stride for edge in self.inner)
        return top, bottom, left, right


def cut(height: int, width: int, tile_px: int | None) -> list[Tile]:
    """Cut a picture into tiles of at most `tile_px` a side, halo included; None: one tile."""
    rows, columns = _spans(height, tile_px), _spans(width, tile_px)
    return [
        Tile(
            (top, bottom, left, right),
            (
                max(0, top - HALO),
                min(height, bottom + HALO),
                max(0, left - HALO),
                min(width, right + HALO),
            ),
        )
        for top, bottom in rows
        for left, right in columns
    ]


def choose_tile_px(
    height: int, width: int, precision: str, free_bytes: int, painting_pixels: int = 0
) -> int | None:
    """Return None when all fits whole, painting too, else the side of the largest tile."""
    budget = USED_SHARE * free_bytes - height * width * KEPT_BYTES_PER_PIXEL
    whole = max(
        height * width * BYTES_PER_PIXEL[precision],
        painting_pixels * FORWARD_BYTES_PER_PIXEL[precision],
    )
    if whole <= budget:
        return None
    side = int(math.sqrt(max(budget, 0) / BYTES_PER_PIXEL[precision]))
    return max(2 * HALO + 4 * STEP, side // STEP * STEP)


def needed_bytes(
    height: int, width: int, precision: str, tile_px: int | None, painting_pixels: int = 0
) -> int:
    """Estimate what a picture and its largest painting take beside the network."""
    seen, painting = height * width, painting_pixels
    if tile_px is not None:
        seen = min(height, tile_px) * min(width, tile_px)
        painting = min(painting, tile_px**2)
    both = seen * BYTES_PER_PIXEL[precision], painting * FORWARD_BYTES_PER_PIXEL[precision]
    return height * width * KEPT_BYTES_PER_PIXEL + max(both)


def free_bytes(device: torch.device) -> int:
    """Ask the device, or the system, how much memory is left."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return memory.free_bytes()


def _spans(length: int, tile_px: int | None) -> list[tuple[int, int]]:
    if tile_px is None or length <= tile_px:
        return [(0, length)]
    own = max(STEP, (tile_px - 2 * HALO) // STEP * STEP)
    number = math.ceil(length / own)
    edges = [round(k * length / number / STEP) * STEP for k in range(number)] + [length]
    return list(itertools.pairwise(edges))
