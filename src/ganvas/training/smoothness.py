"""The penalties that keep D smooth, weighted and scheduled as the configuration says."""

from functools import partial

import torch
from torch import Tensor

from ganvas.losses import penalties
from ganvas.training.context import Context, Stats
from ganvas.training.dice import Dice
from ganvas.training.schedule import cosine
from ganvas.training.state import TrainState
from ganvas.training.view import Shown, View


class Smoothness:
    """What is added to D's loss in one step."""

    def __init__(
        self,
        state: TrainState,
        view: View,
        context: Context,
        dice: Dice,
        *,
        may_share: bool = True,
    ) -> None:
        self._may_share = may_share
        self._view = view
        self._dice = dice
        self._loss = context.config.loss
        self._pack = context.config.cure.pack
        plan = context.plan
        fraction = dice.nimg / plan.schedule_nimg
        gamma = cosine(self._loss.gamma, self._loss.gamma_end, fraction) * state.guard.gamma
        # Slopes are per pixel: as if pictures had been stretched to ordinary contrast.
        self._gamma = gamma * plan.contrast**2
        turn = dice.nimg // context.config.batch_size
        self._is_due = turn % self._loss.penalty_every == 0
        self._zero_centered = [p for p in ("r1", "r2") if p in self._loss.penalties]

    @property
    def shares_logits(self) -> bool:
        """Whether the penalty is the gradient of the very logits that the loss uses."""
        return (
            self._may_share
            and bool(self._zero_centered)
            and self._is_due
            and self._loss.penalty_stride == 1
            and self._loss.penalty_mode != "finite-difference"
        )

    def of(
        self, real: Shown, fake: Shown, real_logits: Tensor, fake_logits: Tensor
    ) -> tuple[Tensor, Stats]:
        """Return the weighted sum of all penalties that are due, and each unweighted."""
        total = real_logits.new_zeros((), dtype=torch.float32)
        stats: Stats = {}
        if self._is_due:
            scale = self._loss.penalty_every
            sides = {"r1": (real, real_logits), "r2": (fake, fake_logits)}
            for name in self._zero_centered:
                stats[f"penalty/{name}"] = value = self._slope(*sides[name])
                total = total + scale * self._gamma / 2 * value
            if "wgan-gp" in self._loss.penalties:
                stats["penalty/wgan-gp"] = value = self._unit_slope(real, fake)
                total = total + scale * self._loss.gradient_penalty * value
        if self._loss.drift:
            stats["penalty/drift"] = value = penalties.drift(real_logits)
            total = total + self._loss.drift * value
        return total, stats

    def _slope(self, shown: Shown, logits: Tensor) -> Tensor:
        if self._loss.penalty_mode == "finite-difference":
            return self._probed_slope(shown.every(self._loss.penalty_stride))
        if self.shares_logits:
            return penalties.zero_centered(shown.images, logits)
        part = shown.every(self._loss.penalty_stride)
        part = part.instead(part.images.detach().requires_grad_())
        return penalties.zero_centered(part.images, self._view.logits(part))

    def _probed_slope(self, shown: Shown) -> Tensor:
        images = shown.images.detach()
        noise = self._dice.pixels(f"probe/{shown.role}", images)[shown.piece]
        score = partial(self._score, shown)
        sigma = self._loss.finite_difference_sigma
        return penalties.finite_difference(score, images, score(images), noise, sigma)

    def _unit_slope(self, real: Shown, fake: Shown) -> Tensor:
        stride = self._loss.penalty_stride
        real, fake = real.every(stride)._replace(role="mix"), fake.every(stride)
        mix = self._dice.uniform("mix")[real.piece]
        score = partial(self._score, real)
        images = real.images.detach(), fake.images.detach()
        return penalties.one_centered(score, *images, mix, pack=self._pack)

    def _score(self, shown: Shown, images: Tensor) -> Tensor:
        return self._view.logits_exact(shown.instead(images))
