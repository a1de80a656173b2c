"""Where training pictures come from: the prepared store, or anything else of this shape."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from ganvas.core import pixels
from ganvas.core.canvas import Resolution
from ganvas.core.device import Numerics

SPREAD_PICTURES = 256
"""As many say what the pictures of a set are like."""


@runtime_checkable
class Source(Protocol):
    """Pictures by number; `ganvas.data.store.Store` is one, sets of points are another."""

    @property
    def channels(self) -> int: ...
    @property
    def resolution(self) -> Resolution: ...
    @property
    def num_classes(self) -> int:
        """0 when the pictures have no labels."""
        ...

    def __len__(self) -> int: ...
    def batch(
        self, indices: Int64[np.ndarray, " b"]
    ) -> tuple[
        UInt8[np.ndarray, "b h w c"] | Float[np.ndarray, "b h w c"],
        Int64[np.ndarray, " b"] | None,
    ]:
        """Return pictures as bytes, or as floats already in [-1, 1], with their labels."""
        ...


def read_pictures(
    source: Source,
    indices: Int64[np.ndarray, " b"],
    numerics: Numerics,
    *,
    flipped: Bool[np.ndarray, " b"] | None = None,
) -> tuple[Float[Tensor, "b c h w"], Int64[Tensor, " b"] | None]:
    """Read pictures, some of them mirrored, as float images in [-1, 1] on the device."""
    pictures, labels = source.batch(indices)
    if flipped is not None:
        pictures = np.where(flipped[:, None, None, None], pictures[:, :, ::-1], pictures)
    real = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    real = numerics.to_device(real)
    label = None if labels is None else numerics.to_device(torch.from_numpy(labels))
    return pixels.from_uint8(real) if real.dtype == torch.uint8 else real.float(), label


def spread_pictures(
    source: Source, pool: Int64[np.ndarray, " n"], numerics: Numerics
) -> Float[Tensor, "b c h w"]:
    """Read at most 256 pictures spread over the pool, the same ones every time."""
    num = min(SPREAD_PICTURES, len(pool))
    spread = np.linspace(0, len(pool) - 1, num).astype(np.int64)
    return read_pictures(source, pool[spread], numerics)[0]
