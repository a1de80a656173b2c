"""The standard step: D learns to tell reals from fakes, then G learns to make D err.

The two phases of Goodfellow et al. (arXiv:1406.2661) with any row of `losses.ADVERSARIAL`,
penalties, augmentation, packing and instance noise. Fakes are made once a step: D learns on
them detached, G through the same graph. With n_critic > 1 only each n-th step trains G.
"""

import torch
from torch import Tensor

from ganvas.augment import control
from ganvas.losses.adversarial import ADVERSARIAL
from ganvas.training.context import Batch, Context, Stats, optimize
from ganvas.training.dice import Dice
from ganvas.training.smoothness import Smoothness
from ganvas.training.state import TrainState
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


class Fakes:
    """The step's generated pictures: kept with their graph, or made anew for each piece."""

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


def discriminator_phase(
    state: TrainState, batch: Batch, context: Context, dice: Dice, fakes: Fakes, view: View
) -> Stats:
    """Teach D to score reals above fakes."""
    config = context.config
    row = ADVERSARIAL[config.loss.adversarial]
    smoothness = Smoothness(view, context, dice)
    soft = _softened(config.loss.adversarial, config.loss.soft, dice)

    def loss_of(piece: slice) -> tuple[Tensor, Stats]:
        real = Shown(batch.real[piece], batch.label_of(piece), piece, "real")
        fake = real._replace(images=fakes.of(piece, with_graph=False), role="fake")
        if smoothness.shares_logits:
            real = real.instead(real.images.detach().requires_grad_())
            fake = fake.instead(fake.images.requires_grad_())
        real_logits, fake_logits = view.logits(real), view.logits(fake)
        target = soft if isinstance(soft, float) else soft[piece][:: config.cure.pack]
        adversarial = row.d(real_logits, fake_logits, target)
        penalty, stats = smoothness.of(real, fake, real_logits, fake_logits)
        stats |= {
            "loss/d": adversarial,
            "logits/real": real_logits.float().mean(),
            "logits/fake": fake_logits.float().mean(),
            "balance/sign": _sign(real_logits, fake_logits, paired=row.paired),
            "balance/accuracy": _accuracy(real_logits, fake_logits, paired=row.paired),
        }
        return adversarial + penalty, stats

    stats = optimize(state, context, state.D, state.opt_d, loss_of)
    state.d_accuracy.copy_(context.engine.average(stats["balance/accuracy"]))
    if config.augment.adaptive:
        sign = context.engine.average(stats["balance/sign"])
        p = control.next_p(
            state.augment_p, sign, config=config.augment, num_images=config.batch_size
        )
        state.augment_p.copy_(p)
        stats["augment/p"] = state.augment_p.clone()
    return stats


def generator_phase(
    state: TrainState, batch: Batch, context: Context, fakes: Fakes, view: View
) -> Stats:
    """Teach G to make pictures that D scores as real; D itself stays as it is."""
    row = ADVERSARIAL[context.config.loss.adversarial]

    def loss_of(piece: slice) -> tuple[Tensor, Stats]:
        label = batch.label_of(piece)
        fake = fakes.of(piece, with_graph=True)
        fake_logits = view.logits(Shown(fake, label, piece, "fake"))
        with torch.no_grad():
            real = Shown(batch.real[piece], label, piece, "real")
            real_logits = view.logits(real) if row.paired else None
        loss = row.g(real_logits, fake_logits)
        return loss, {"loss/g": loss}

    return optimize(state, context, state.G, state.opt_g, loss_of)


def _softened(name: str, soft: float, dice: Dice) -> float | Tensor:
    """bce: the smoothed label of reals; hinge: a random margin a sample, from U(soft, 1)."""
    if name == "hinge" and soft < 1:
        return soft + (1 - soft) * dice.uniform("margin")
    return soft


def _sign(real_logits: Tensor, fake_logits: Tensor, *, paired: bool) -> Tensor:
    """E[sign D(real)], or of the pair's difference where logits have no absolute level."""
    difference = real_logits - fake_logits if paired else real_logits
    return difference.float().sign().mean()


def _accuracy(real_logits: Tensor, fake_logits: Tensor, *, paired: bool) -> Tensor:
    """Share of right verdicts, of pairs or of single pictures."""
    if paired:
        return (real_logits > fake_logits).float().mean()
    return ((real_logits > 0).float().mean() + (fake_logits < 0).float().mean()) / 2
