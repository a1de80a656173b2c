"""The growing step: networks and reals as coarse as the clock says, then the two phases.

Progressive growing (1710.10196): first 4x4 pictures, then twice the size, with the new layers faded
in, and so on. How far is a function of the clock. Adam's moments need no reset at a growth: those
of new weights are still zero, and to the old ones nothing happens suddenly.
"""

from dataclasses import replace

import torch

from ganvas.layers.growth import coarsen, grow
from ganvas.layers.sizes import sizes_to
from ganvas.training.context import Batch, Context, Stats
from ganvas.training.dice import Dice
from ganvas.training.fakes import from_latents
from ganvas.training.phases import take_turns
from ganvas.training.schedule import growth
from ganvas.training.state import TrainState


def step(state: TrainState, batch: Batch, context: Context, dice: Dice) -> Stats:
    """Change networks, optimisers and augmentation by one batch; the loop moves the clock."""
    num_stages = len(sizes_to(state.G.resolution))
    grown = growth(state.nimg, context.plan.schedule_nimg, num_stages)
    for network in (state.G, state.D, state.G_ema):
        grow(network, grown)
    coarse = replace(batch, real=coarsen(batch.real, grown))
    stats = take_turns(state, coarse, context, dice, from_latents(state, coarse, dice))
    return stats | {"growth/stage": torch.full_like(state.augment_p, grown)}
