"""All randomness of one step: a function of (seed, purpose, attempt, nimg), drawn for the global
batch and then cut, so that processes and split batches see the numbers an undivided one would."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.augment import pipe
from ganvas.augment.config import AugmentConfig
from ganvas.core.canvas import Resolution
from ganvas.core.rng import rng


@dataclass(frozen=True)
class Dice:
    """Throws for the pictures `local` of a global batch of `batch_size`."""

    seed: int
    attempt: int
    nimg: int
    batch_size: int
    local: slice
    device: torch.device

    def normal(self, purpose: str, size: int) -> Float[Tensor, "b n"]:
        """Numbers from N(0, 1), the same on every device (latents)."""
        drawn = torch.randn(self.batch_size, size, generator=self._generator(purpose, "cpu"))
        return drawn[self.local].to(self.device, non_blocking=True)

    def uniform(self, purpose: str) -> Float[Tensor, " b"]:
        """Numbers from U(0, 1)."""
        drawn = torch.rand(self.batch_size, generator=self._generator(purpose, "cpu"))
        return drawn[self.local].to(self.device, non_blocking=True)

    def pixels(self, purpose: str, like: Tensor) -> Float[Tensor, "b c h w"]:
        """Numbers from N(0, 1) shaped like pictures, drawn on the device: they are many."""
        shape = (self.batch_size, *like.shape[1:])
        generator = self._generator(purpose, self.device)
        drawn = torch.randn(shape, generator=generator, device=self.device)
        return drawn[self.local].contiguous(memory_format=torch.channels_last)

    def augment(self, purpose: str, config: AugmentConfig, resolution: Resolution) -> pipe.Draws:
        """What augmentation does with each picture."""
        generator = self._generator(purpose, "cpu")
        drawn = pipe.draw(self.batch_size, config, resolution=resolution, generator=generator)
        return drawn[self.local].to(self.device)

    def _generator(self, purpose: str, device: torch.device | str) -> torch.Generator:
        return rng(self.seed, purpose, self.attempt, self.nimg, device=device)
