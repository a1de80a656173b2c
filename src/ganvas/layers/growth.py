"""How far a growing network has come (ProGAN, 1710.10196): one number, kept with its weights.

Stage 0 works at 4x4, each next one at twice the size. At 2.0 the stages 0 to 2 are whole; at 2.25
stage 3 is faded in by a quarter. A stage that begins at alpha = 0 changes nothing, so all that a
growing network computes is continuous in this number.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganvas.core.errors import CheckpointError
from ganvas.layers.resample import enlarge, shrink


class Growth(nn.Module):
    """Where a network stands: a buffer for files and arithmetic, plain numbers for control flow.

    The plain ones follow whenever the number is set or loaded, so a step never waits for a device.
    """

    grown: Tensor

    def __init__(self, num_stages: int) -> None:
        super().__init__()
        self.last = num_stages - 1
        self.register_buffer("grown", torch.tensor(float(self.last)))
        self.stage, self.is_fading = self.last, False
        self.register_load_state_dict_post_hook(_read)  # type: ignore[no-untyped-call]

    def set(self, grown: float) -> None:
        """Become a network grown so far. Raises CheckpointError where it has no such stage."""
        if not 0 <= grown <= self.last:
            raise CheckpointError(f"a network of {self.last + 1} stages cannot be grown to {grown}")
        self.grown.fill_(grown)
        self.stage = math.ceil(grown)
        self.is_fading = self.stage != grown

    def blend(
        self, old: Float[Tensor, "b c h w"], new: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, "b c h w"]:
        """Return (1 - alpha) old + alpha new."""
        alpha = self.grown - (self.stage - 1)
        return old + alpha * (new - old)


def _read(growth: Growth, _: object) -> None:
    # Weights may come from a network with more stages: what fits is whole.
    growth.set(min(growth.grown.item(), float(growth.last)))


def grow(network: nn.Module, grown: float) -> None:
    """Set how far a network has grown."""
    for module in network.modules():
        if isinstance(module, Growth):
            module.set(grown)


def coarsen(images: Float[Tensor, "b c h w"], grown: float) -> Float[Tensor, "b c h w"]:
    """Return what a network grown so far can show of pictures, at their own size.

    Faded in as a stage is: (1 - alpha) up(down(x)) + alpha x, for x at the stage's size.
    """
    stage = math.ceil(grown)
    factor = images.shape[-1] // (4 << stage)
    shown = shrink(images, factor)
    if stage > grown:
        shown = enlarge(shrink(shown, 2), 2).lerp(shown, grown - (stage - 1))
    return enlarge(shown, factor)
