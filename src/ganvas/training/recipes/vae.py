"""The variational step: encoder and decoder together raise one bound (1312.6114).

log p(x) >= E[log p(x | z)] - KL(q(z | x) || N(0, 1)), with z = mean + deviation * noise, so that
the gradient passes through the draw. There are no fakes, no verdicts and no game: one loss falls.
"""

import torch

from ganvas.losses.likelihood import divergence, gaussian
from ganvas.models.base import Encoder
from ganvas.training.context import Batch, Context, PieceLoss, Stats, optimize
from ganvas.training.dice import Dice
from ganvas.training.state import TrainState


def step(state: TrainState, batch: Batch, context: Context, dice: Dice) -> Stats:
    """Change both networks by one batch; the loop moves the clock."""
    assert isinstance(state.D, Encoder), "the configuration refuses other networks"
    encoder, decoder = state.D, state.G
    noise = dice.normal("posterior", decoder.z_dim)

    def loss_of(piece: slice) -> PieceLoss:
        real, label = batch.real[piece], batch.label_of(piece)
        with context.numerics.autocast():
            mean, log_variance = (part.float() for part in encoder(real, label))
            z = mean + torch.exp(log_variance / 2) * noise[piece]
            made = decoder(z, label)
        reconstruction = gaussian(made, real, encoder.log_sigma)
        kl = divergence(mean, log_variance)
        stats = {
            "loss/reconstruction": reconstruction,
            "loss/kl": kl,
            "pixels/sigma": encoder.log_sigma.exp(),
        }
        return PieceLoss(reconstruction + context.config.loss.kl * kl, stats)

    return optimize(state, context, encoder, state.opt_d, loss_of, also=[(decoder, state.opt_g)])
