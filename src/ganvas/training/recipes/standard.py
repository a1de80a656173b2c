"""The standard step: D learns to tell reals from fakes, then G learns to make D err."""

from ganvas.training.context import Batch, Context, Stats
from ganvas.training.dice import Dice
from ganvas.training.fakes import from_latents
from ganvas.training.phases import take_turns
from ganvas.training.state import TrainState


def step(state: TrainState, batch: Batch, context: Context, dice: Dice) -> Stats:
    """Change networks, optimisers and augmentation by one batch; the loop moves the clock."""
    return take_turns(state, batch, context, dice, from_latents(state, batch, dice))
