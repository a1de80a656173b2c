"""The two phases of a step: D learns to tell reals from fakes, then G learns to make D err.

As in Goodfellow et al. (1406.2661), with any row of `losses.ADVERSARIAL`, penalties, augmentation,
packing and instance noise. Fakes are made once a step: D learns on them detached, G through the
same graph. With n_critic > 1 only each n-th step trains G.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ganvas.augment import pipe
from ganvas.losses.adversarial import ADVERSARIAL
from ganvas.training.context import Batch, Context, PieceLoss, Stats, mean_over, optimize
from ganvas.training.dice import Dice
from ganvas.training.fakes import Fakes, Make
from ganvas.training.smoothness import Smoothness
from ganvas.training.state import TrainState
from ganvas.training.verdicts import Softness, remember, verdicts
from ganvas.training.view import Augment, Shown, View

Regularize = Callable[[slice], tuple[Tensor, Stats]]
"""What is added to G's loss on a piece of the batch."""


def take_turns(
    state: TrainState,
    batch: Batch,
    context: Context,
    dice: Dice,
    make: Make,
    regularize: Regularize | None = None,
    *,
    augment: Augment = pipe.apply,
) -> Stats:
    """Train D and, where it is its turn, G on the fakes that `make` makes."""
    optim = context.config.optim
    turn = state.nimg // context.config.batch_size % optim.n_critic
    trains_g = turn == optim.n_critic - 1
    fakes = Fakes(state, context, make, keep_graph=trains_g)
    view = View(state, context, dice, augment)

    stats: Stats = {}
    # The comparison waits for the device, so it is made only where skipping was asked for.
    if optim.skip_d_above == 1 or state.d_accuracy.item() <= optim.skip_d_above:
        stats |= discriminator_phase(state, batch, context, dice, fakes, view)
    else:
        stats |= rest(state, batch, context, fakes, view)
    if trains_g:
        stats |= generator_phase(state, batch, context, fakes, view, regularize)
    return stats


def discriminator_phase(
    state: TrainState, batch: Batch, context: Context, dice: Dice, fakes: Fakes, view: View
) -> Stats:
    """Teach D to score reals above fakes."""
    row = ADVERSARIAL[context.config.loss.adversarial]
    smoothness = Smoothness(state, view, context, dice)
    softness = Softness(context, dice)

    def loss_of(piece: slice) -> PieceLoss:
        real = Shown(batch.real[piece], batch.label_of(piece), piece, "real")
        fake = real._replace(images=fakes.of(piece, with_graph=False), role="fake")
        if smoothness.shares_logits:
            real = real.instead(real.images.detach().requires_grad_())
            fake = fake.instead(fake.images.requires_grad_())
        real_logits, fake_logits = view.logits(real), view.logits(fake)
        adversarial = row.d(real_logits, fake_logits, softness.of(piece))
        penalty, stats = smoothness.of(real, fake, real_logits, fake_logits)
        stats |= verdicts(real_logits, fake_logits, paired=row.paired)
        return PieceLoss(adversarial + penalty, stats | {"loss/d": adversarial})

    stats = optimize(state, context, state.D, state.opt_d, loss_of)
    return stats | remember(state, context, stats)


@torch.no_grad()
def rest(state: TrainState, batch: Batch, context: Context, fakes: Fakes, view: View) -> Stats:
    """Ask D for its verdicts and teach it nothing: it goes on as soon as they are worse."""
    row = ADVERSARIAL[context.config.loss.adversarial]

    def verdicts_of(piece: slice) -> Stats:
        real = Shown(batch.real[piece], batch.label_of(piece), piece, "real")
        fake = real._replace(images=fakes.of(piece, with_graph=False), role="fake")
        return verdicts(view.logits(real), view.logits(fake), paired=row.paired)

    stats = mean_over(context.pieces(state), verdicts_of)
    return stats | remember(state, context, stats)


def generator_phase(
    state: TrainState,
    batch: Batch,
    context: Context,
    fakes: Fakes,
    view: View,
    regularize: Regularize | None = None,
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
        stats = {"loss/g": loss}
        if regularize is None:
            return PieceLoss(loss, stats)
        more, more_stats = regularize(piece)
        return PieceLoss(loss + more, stats | more_stats)

    return optimize(state, context, state.G, state.opt_g, loss_of)
