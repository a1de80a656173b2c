"""Averages the step's numbers between ticks without ever waiting for the device in between."""

from pathlib import Path
from typing import Any

from torch import Tensor

from ganvas.training.context import Stats


class Recorder:
    """Running means of the stats since the last tick, kept as tensors."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, stats: Stats) -> None:
        """Take in one step's stats."""
        for name, value in stats.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def flush(self) -> dict[str, float]:
        """Return the means and start anew."""
        means = {name: float(self._sums[name]) / self._counts[name] for name in sorted(self._sums)}
        self._sums.clear()
        self._counts.clear()
        return means


class TensorBoard:
    """Writes the same numbers and grids for TensorBoard where that is installed."""

    def __init__(self, run: Path) -> None:
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._writer = SummaryWriter(str(run / "tensorboard"))

    def scalars(self, values: dict[str, float], nimg: int) -> None:
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, nimg)

    def picture(self, name: str, pixels: Any, nimg: int) -> None:
        if self._writer is not None:
            self._writer.add_image(name, pixels, nimg, dataformats="HWC")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
