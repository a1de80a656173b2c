"""Where training pictures come from: the prepared store, or anything else of this shape."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64, UInt8


@runtime_checkable
class Source(Protocol):
    """Pictures by number; `ganvas.data.store.Store` is one, sets of points are another."""

    @property
    def channels(self) -> int: ...
    @property
    def resolution(self) -> int: ...
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
