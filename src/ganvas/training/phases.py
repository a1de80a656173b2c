"""Parts of a step that several recipes share."""

import torch

from ganvas.losses.adversarial import ADVERSARIAL
from ganvas.training.context import Batch, Context, PieceLoss, Stats, optimize
from ganvas.training.fakes import Fakes
from ganvas.training.state import TrainState
from ganvas.training.view import Shown, View


def generator_phase(
    state: TrainState, batch: Batch, context: Context, fakes: Fakes, view: View
) -> Stats:
    """Teach G to make pictures that D scores as real; D itself stays as it is."""
    row = ADVERSARIAL[context.config.loss.adversarial]

    def loss_of(piece: slice) -> PieceLoss:
        label = batch.label_of(piece)
        fake = fakes.of(piece, with_graph=True)
        fake_logits = view.logits(Shown(fake, label, piece, "fake"))
        with torch.no_grad():
            real = Shown(batch.real[piece], label, piece, "real")
            real_logits = view.logits(real) if row.paired else None
        loss = row.g(real_logits, fake_logits)
        return PieceLoss(loss, {"loss/g": loss})

    return optimize(state, context, state.G, state.opt_g, loss_of)
