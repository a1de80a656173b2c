"""The multi-scale step: the two phases on pictures of every size (MSG-GAN, 1903.06048).

Reals are averaged to all sizes, G makes its own. A picture with its sizes is one tensor here, so
penalties act on all of them together, and an interpolation has one share for all.
"""

from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.augment import pipe
from ganvas.layers.pyramid import flatten, pyramid, unflatten
from ganvas.layers.resample import enlarge, shrink
from ganvas.models.base import PyramidGenerator
from ganvas.training.context import Batch, Context, Stats
from ganvas.training.dice import Dice
from ganvas.training.phases import take_turns
from ganvas.training.state import TrainState


def step(state: TrainState, batch: Batch, context: Context, dice: Dice) -> Stats:
    """Change networks, optimisers and augmentation by one batch; the loop moves the clock."""
    G = state.G
    assert isinstance(G, PyramidGenerator), "the configuration refuses other networks"
    z = dice.normal("latents", G.z_dim)

    def fakes(piece: slice) -> Tensor:
        return flatten(G.scales(z[piece], batch.label_of(piece)))

    reals = replace(batch, real=flatten(pyramid(batch.real)))
    augment = partial(augmented, channels=G.channels, resolution=G.size[0])
    return take_turns(state, reals, context, dice, fakes, augment=augment)


def augmented(
    flat: Float[Tensor, "b n 1 1"],
    draws: pipe.Draws,
    p: Tensor,
    *,
    channels: int,
    resolution: int,
) -> Float[Tensor, "b n 1 1"]:
    """Do the same with every size of a picture: at the full size, then averaged back."""
    if not draws.steps:
        return flat
    scales = unflatten(flat, channels=channels, resolution=resolution)
    factors = [resolution // scale.shape[-1] for scale in scales]
    full = torch.cat([enlarge(s, f) for s, f in zip(scales, factors, strict=True)])
    changed = pipe.apply(full, draws.repeated(len(scales)), p).chunk(len(scales))
    return flatten([shrink(c, f) for c, f in zip(changed, factors, strict=True)])
