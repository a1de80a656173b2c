"""The pipe: random numbers drawn once for the whole batch, applied to any part of it later.

So one process or eight, one micro-batch or four see the same augmentations, and raising p
augments more samples without changing those that were augmented already.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from ganvas.augment.config import AugmentConfig, Operation
from ganvas.augment.operations import OPERATIONS, Images
from ganvas.core.canvas import Resolution


@dataclass(frozen=True)
class Draws:
    """For each operation, in order: a uniform number per sample that is held against p, and
    the operation's own numbers."""

    steps: tuple[tuple[Operation, Tensor, Tensor], ...]

    def __getitem__(self, part: slice) -> "Draws":
        """Keep the draws of some samples."""
        return self._each(lambda numbers: numbers[part])

    def fitted(self, contrast: float) -> "Draws":
        """Jitter the colours of pictures with less contrast than ordinary ones (1) less."""
        return Draws(
            tuple(
                (name, chance, numbers * contrast if name == "color" else numbers)
                for name, chance, numbers in self.steps
            )
        )

    def repeated(self, times: int) -> "Draws":
        """Draw for a batch that stands `times` behind one another what is drawn for it once."""
        return self._each(lambda numbers: torch.cat([numbers] * times))

    def to(self, device: torch.device | str) -> "Draws":
        """Move the numbers to where the images are."""
        return self._each(lambda numbers: numbers.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Draws":
        return Draws(tuple((name, change(u), change(numbers)) for name, u, numbers in self.steps))


def draw(num: int, config: AugmentConfig, *, resolution: Resolution, generator: Generator) -> Draws:
    """Draw for `num` samples, the global batch, from one CPU generator; p plays no part here."""
    steps = []
    for name in config.operations:
        chance = torch.rand(num, generator=generator)
        steps.append((name, chance, OPERATIONS[name].draw(num, resolution, generator)))
    return Draws(tuple(steps))


def apply(images: Images, draws: Draws, p: float | Float[Tensor, ""]) -> Images:
    """Apply each operation to each sample with probability `p`, independently.

    The result is twice differentiable; samples left out pass through bit for bit, and p = 0.0
    returns `images` itself.
    """
    if not isinstance(p, Tensor) and p == 0:
        return images
    for name, chance, numbers in draws.steps:
        images = OPERATIONS[name].apply(images, numbers * (chance < p)[:, None])
    return images
