"""The step's generated pictures: kept with their graph, or made anew for each piece."""

from collections.abc import Callable

import torch
from torch import Tensor

from ganvas.training.context import Batch, Context
from ganvas.training.dice import Dice
from ganvas.training.state import TrainState

Make = Callable[[slice], Tensor]
"""Makes the fakes of a piece of the batch: from numbers drawn before, so always the same."""


def from_latents(state: TrainState, batch: Batch, dice: Dice) -> Make:
    """One fake beside each real of the batch, with the real's label."""
    z = dice.normal("latents", state.G.z_dim)
    return lambda piece: state.G(z[piece], batch.label_of(piece))


class Fakes:
    """The fakes that `make` makes, as often as memory demands."""

    def __init__(self, state: TrainState, context: Context, make: Make, *, keep_graph: bool):
        self._state = state
        self._context = context
        self._new = make
        self._keep_graph = keep_graph
        self._whole: Tensor | None = None

    def of(self, piece: slice, *, with_graph: bool) -> Tensor:
        """Return a piece's fakes; when the batch was split they are made again to save memory."""
        if len(self._context.pieces(self._state)) > 1:
            self._whole = None
            return self._make(piece, with_graph=with_graph)
        if self._whole is None:
            self._whole = self._make(piece, with_graph=self._keep_graph)
        return self._whole if with_graph else self._whole.detach()

    def _make(self, piece: slice, *, with_graph: bool) -> Tensor:
        with torch.set_grad_enabled(with_graph), self._context.numerics.autocast():
            return self._new(piece).float()
