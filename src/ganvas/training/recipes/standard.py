"""The standard step: D learns to tell reals from fakes, then G learns to make D err.

The two phases of Goodfellow et al. (arXiv:1406.2661) with any row of `losses.ADVERSARIAL`,
penalties, augmentation, packing and instance noise. Fakes are made once a step: D learns on
them detached, G through the same graph. With n_critic > 1 only each n-th step trains G.
"""

from ganvas.losses.adversarial import ADVERSARIAL
from ganvas.training.context import Batch, Context, PieceLoss, Stats, optimize
from ganvas.training.dice import Dice
from ganvas.training.fakes import Fakes
from ganvas.training.phases import generator_phase
from ganvas.training.smoothness import Smoothness
from ganvas.training.state import TrainState
from ganvas.training.verdicts import Softness, remember, verdicts
from ganvas.training.view import Shown, View


def step(state: TrainState, batch: Batch, context: Context, dice: Dice) -> Stats:
    """Change networks, optimisers and augmentation by one batch; the loop moves the clock."""
    optim = context.config.optim
    turn = state.nimg // context.config.batch_size % optim.n_critic
    trains_g = turn == optim.n_critic - 1
    fakes = Fakes(state, batch, context, dice, keep_graph=trains_g)
    view = View(state, context, dice)

    stats: Stats = {}
    # The comparison waits for the device, so it is made only where skipping was asked for.
    if optim.skip_d_above == 1 or state.d_accuracy.item() <= optim.skip_d_above:
        stats |= discriminator_phase(state, batch, context, dice, fakes, view)
    if trains_g:
        stats |= generator_phase(state, batch, context, fakes, view)
    return stats


def discriminator_phase(
    state: TrainState, batch: Batch, context: Context, dice: Dice, fakes: Fakes, view: View
) -> Stats:
    """Teach D to score reals above fakes."""
    row = ADVERSARIAL[context.config.loss.adversarial]
    smoothness = Smoothness(view, context, dice)
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
