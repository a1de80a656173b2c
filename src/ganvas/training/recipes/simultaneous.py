"""The simultaneous step: one pass of the fakes through D teaches both networks.

The standard step sends the fakes through D twice: before D's update to teach D, after it to teach
G. Here both learn from the first pass, as in simultaneous gradient descent (1705.10461), which
saves a forward and a backward pass through D, about a quarter of the step.

For sample i with logit f_i, D's backward leaves dL_D/df_i * grad f_i at the fake; G needs
dL_G/df_i * grad f_i. The two differ by a number per sample, (dL_G/df_i) / (dL_D/df_i): -e^-f for
bce, -e^(r-f) for relativistic pairs, -1 for wgan. So nothing has to be computed again.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.losses.adversarial import ADVERSARIAL, Adversarial
from ganvas.training.context import Batch, Context, PieceLoss, Stats, optimize
from ganvas.training.dice import Dice
from ganvas.training.fakes import Fakes, from_latents
from ganvas.training.smoothness import Smoothness
from ganvas.training.state import TrainState
from ganvas.training.verdicts import Softness, remember, verdicts
from ganvas.training.view import Shown, View

SMALLEST = 1e-30
"""Where D is so sure of a fake that its loss has no slope left, both gradients are zero."""


def step(state: TrainState, batch: Batch, context: Context, dice: Dice) -> Stats:
    """Change networks, optimisers and augmentation by one batch; the loop moves the clock."""
    row = ADVERSARIAL[context.config.loss.adversarial]
    fakes = Fakes(state, context, from_latents(state, batch, dice), keep_graph=True)
    view = View(state, context, dice)
    smoothness = Smoothness(state, view, context, dice, may_share=False)
    softness = Softness(context, dice)
    taught: dict[int, tuple[Tensor, Tensor]] = {}

    def d_loss_of(piece: slice) -> PieceLoss:
        leaf = fakes.of(piece, with_graph=False).requires_grad_()
        real = Shown(batch.real[piece], batch.label_of(piece), piece, "real")
        fake = real._replace(images=leaf, role="fake")
        real_logits, fake_logits = view.logits(real), view.logits(fake)
        soft = softness.of(piece)
        adversarial = row.d(real_logits, fake_logits, soft)
        penalty, stats = smoothness.of(real, fake, real_logits, fake_logits)
        stats |= verdicts(real_logits, fake_logits, paired=row.paired)
        ratio, loss_g = exchange(row, real_logits.detach(), fake_logits.detach(), soft)
        taught[piece.start] = leaf, ratio
        stats |= {"loss/d": adversarial, "loss/g": loss_g}
        return PieceLoss(adversarial + penalty, stats, leaves=(leaf,))

    stats = optimize(state, context, state.D, state.opt_d, d_loss_of)
    gradient = torch.cat(
        [_wanted(*taught[start], context.config.cure.pack) for start in sorted(taught)]
    )

    def g_loss_of(piece: slice) -> PieceLoss:
        # The derivative of this sum by the fakes is the gradient that G needs. `optimize` takes
        # the mean over pieces, which D's backward has done already.
        wanted = gradient[piece] * len(context.pieces(state))
        return PieceLoss((fakes.of(piece, with_graph=True) * wanted).sum(), {})

    optimize(state, context, state.G, state.opt_g, g_loss_of)
    return stats | remember(state, context, stats)


def _wanted(leaf: Tensor, ratio: Tensor, pack: int) -> Tensor:
    """G's gradient at the fakes of a piece, from D's that its backward has left there."""
    assert leaf.grad is not None, "D's backward has been through this piece"
    return leaf.grad * ratio.repeat_interleave(pack).view(-1, 1, 1, 1)


def exchange(
    row: Adversarial,
    real_logits: Float[Tensor, " b"],
    fake_logits: Float[Tensor, " b"],
    soft: float | Tensor,
) -> tuple[Float[Tensor, " b"], Float[Tensor, ""]]:
    """Return (dL_G/df_i) / (dL_D/df_i) for each fake, and G's loss."""
    r, f = real_logits.float(), fake_logits.float().requires_grad_()
    loss_g = row.g(r, f)
    (slope_d,) = torch.autograd.grad(row.d(r, f, soft), f)
    (slope_g,) = torch.autograd.grad(loss_g, f)
    return slope_g / slope_d.clamp_min(SMALLEST), loss_g.detach()
