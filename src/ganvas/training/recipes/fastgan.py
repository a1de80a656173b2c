"""The step for few pictures: D also rebuilds the reals from its own features (2101.04775).

With some hundred pictures D soon knows each by a mark or two, and has nothing to teach then. To
rebuild them it must keep what is in the whole picture. What is rebuilt is the augmented picture,
as D saw it: half its size from the features of each tower, and one quarter in full detail.
"""

import torch

from ganvas.losses.adversarial import ADVERSARIAL
from ganvas.losses.likelihood import absolute
from ganvas.models.base import Rebuilder
from ganvas.training.context import Batch, Context, PieceLoss, Stats, optimize
from ganvas.training.dice import Dice
from ganvas.training.fakes import Fakes, from_latents
from ganvas.training.phases import generator_phase
from ganvas.training.state import TrainState
from ganvas.training.verdicts import Softness, remember, verdicts
from ganvas.training.view import Shown, View


def step(state: TrainState, batch: Batch, context: Context, dice: Dice) -> Stats:
    """Change networks, optimisers and augmentation by one batch; the loop moves the clock."""
    fakes = Fakes(state, context, from_latents(state, batch, dice), keep_graph=True)
    view = View(state, context, dice)
    stats = discriminator_phase(state, batch, context, dice, fakes, view)
    return stats | generator_phase(state, batch, context, fakes, view)


def discriminator_phase(
    state: TrainState, batch: Batch, context: Context, dice: Dice, fakes: Fakes, view: View
) -> Stats:
    """Teach D to score reals above fakes, and to rebuild the reals."""
    assert isinstance(state.D, Rebuilder), "the configuration refuses other networks"
    D, loss = state.D, context.config.loss
    row = ADVERSARIAL[loss.adversarial]
    softness = Softness(context, dice)
    corner = (4 * dice.uniform("corner")).long()

    def loss_of(piece: slice) -> PieceLoss:
        real = Shown(batch.real[piece], batch.label_of(piece), piece, "real")
        fake = real._replace(images=fakes.of(piece, with_graph=False), role="fake")
        with context.numerics.autocast():
            real_logits, rebuilt = D.verdict_and_rebuilt(
                view.seen(real), real.label, corner[piece][:: D.pack]
            )
        fake_logits = view.logits(fake)
        adversarial = row.d(real_logits, fake_logits, softness.of(piece))
        missed = torch.stack([absolute(*part) for part in rebuilt]).mean()
        stats = verdicts(real_logits, fake_logits, paired=row.paired)
        stats |= {"loss/d": adversarial, "loss/rebuilding": missed}
        return PieceLoss(adversarial + loss.rebuilding * missed, stats)

    stats = optimize(state, context, state.D, state.opt_d, loss_of)
    return stats | remember(state, context, stats)
