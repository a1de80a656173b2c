"""The step's generated pictures: kept with their graph, or made anew for each piece."""

import torch
from torch import Tensor

from ganvas.training.context import Batch, Context
from ganvas.training.dice import Dice
from ganvas.training.state import TrainState


class Fakes:
    """One fake beside each real of the batch, with the real's label."""

    def __init__(
        self, state: TrainState, batch: Batch, context: Context, dice: Dice, *, keep_graph: bool
    ) -> None:
        self._state = state
        self._batch = batch
        self._context = context
        self._keep_graph = keep_graph
        self._z = dice.normal("latents", state.G.z_dim)
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
            fake: Tensor = self._state.G(self._z[piece], self._batch.label_of(piece))
        return fake.float()
