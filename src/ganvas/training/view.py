"""What D sees of pictures: augmented, with instance noise, packed."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ganvas.augment import pipe
from ganvas.training.context import Context
from ganvas.training.dice import Dice
from ganvas.training.schedule import noise_sigma
from ganvas.training.state import TrainState

Augment = Callable[[Tensor, pipe.Draws, Tensor], Tensor]
"""augment(images, draws, p)"""


class Shown(NamedTuple):
    """Pictures on their way to D: part `piece` of the batch, in the role of real or fake."""

    images: Tensor
    label: Tensor | None
    piece: slice
    role: str
    """Pictures of one role are augmented alike whenever they are shown in a step."""

    def every(self, stride: int) -> "Shown":
        """Keep every n-th picture."""
        piece = slice(self.piece.start, self.piece.stop, stride)
        label = None if self.label is None else self.label[::stride]
        return Shown(self.images[::stride], label, piece, self.role)

    def instead(self, images: Tensor) -> "Shown":
        """The same place in the batch with other pixels."""
        return self._replace(images=images)


class View:
    """D through the augmentation, noise and packing of one step."""

    def __init__(
        self, state: TrainState, context: Context, dice: Dice, augment: Augment = pipe.apply
    ) -> None:
        self._state = state
        self._context = context
        self._dice = dice
        self._augment = augment
        self._sigma = noise_sigma(context.config.cure, state.nimg, context.plan.schedule_nimg)
        self._drawn: dict[str, tuple[pipe.Draws, Tensor | None]] = {}

    def logits(self, shown: Shown) -> Tensor:
        """Score pictures in the run's precision; with packing one logit a pack."""
        with self._context.numerics.autocast():
            return self.logits_exact(shown)

    def logits_exact(self, shown: Shown) -> Tensor:
        """Score pictures in fp32."""
        logits: Tensor = self._state.D(self.seen(shown), shown.label)
        return logits

    def seen(self, shown: Shown) -> Tensor:
        """Return what D is given: augmented, noised and packed."""
        draws, noise = self._draw(shown)
        p = torch.maximum(self._state.augment_p, self._state.augment_floor)
        images = self._augment(shown.images, draws[shown.piece], p)
        if noise is not None:
            images = images + self._sigma * noise[shown.piece]
        pack = self._context.config.cure.pack
        return stack_packs(images, pack) if pack > 1 else images

    def _draw(self, shown: Shown) -> tuple[pipe.Draws, Tensor | None]:
        if shown.role not in self._drawn:
            config, images = self._context.config, shown.images
            draws = self._dice.augment(
                f"augment/{shown.role}", config.augment, self._state.D.resolution
            )
            self._drawn[shown.role] = (
                draws.fitted(self._context.plan.contrast),
                self._dice.pixels(f"noise/{shown.role}", images) if self._sigma else None,
            )
        return self._drawn[shown.role]


def stack_packs(images: Tensor, size: int) -> Tensor:
    """Stack `size` neighbours on the channels: [b c h w] -> [b/size, size c, h, w] (1712.04086)."""
    stacked = images.reshape(len(images) // size, size * images.shape[1], *images.shape[2:])
    return stacked.contiguous(memory_format=torch.channels_last)
