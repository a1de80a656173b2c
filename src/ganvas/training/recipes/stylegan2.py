"""The StyleGAN2 step: two phases on fakes with mixed styles and fresh noise, and even paths.

Style mixing (1812.04948, section 3.1): the coarse layers of a fake follow one latent, the fine
layers another, so that neighbouring layers do not learn to rely on each other. Path length
regularisation (1912.04958, section 3.2): a step in the space of styles should change the picture
by the same length everywhere, which makes G smooth and easy to invert.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.losses.penalties import path_lengths
from ganvas.models.base import StyleGenerator
from ganvas.training.context import Batch, Context, Stats
from ganvas.training.dice import Dice
from ganvas.training.phases import take_turns
from ganvas.training.state import TrainState

MEMORY = {"path_length": 0.0}
"""The mean path length so far, which paths are held to."""
FOLLOW = 0.01
"""How much of a new mean path length goes into that."""


def step(state: TrainState, batch: Batch, context: Context, dice: Dice) -> Stats:
    """Change networks, optimisers and augmentation by one batch; the loop moves the clock."""
    config = context.config.styles
    styled = Styled(state, batch, context, dice)
    turn = state.nimg // context.config.batch_size // context.config.optim.n_critic
    mean = state.memory["path_length"]

    def even_paths(piece: slice) -> tuple[Tensor, Stats]:
        # Half of the pictures will do, and cost half as much.
        some = slice(piece.start, piece.stop, 2)
        styles = styled.styles(some)
        images = styled.synthesize(styles, some)
        noise = dice.pixels("path", images)[some]
        lengths = path_lengths(images, styles, noise)
        penalty = (lengths - mean).square().mean()
        weight = config.path_length * config.path_length_every
        return weight * penalty, {"path/length": lengths.mean(), "penalty/path": penalty}

    is_due = config.path_length > 0 and turn % config.path_length_every == 0
    stats = take_turns(state, batch, context, dice, styled.images, even_paths if is_due else None)
    if "path/length" in stats:
        mean.lerp_(context.engine.average(stats["path/length"]), FOLLOW)
    return stats


class Styled:
    """The fakes of a step: one beside each real of the batch, with the real's label."""

    def __init__(self, state: TrainState, batch: Batch, context: Context, dice: Dice) -> None:
        assert isinstance(state.G, StyleGenerator), "the configuration refuses other networks"
        self._G = state.G
        self._batch = batch
        self._latents = [dice.normal("latents", self._G.z_dim)]
        self._change = self._change_of_style(context.config.styles.mixing, dice)
        if context.config.styles.mixing:
            self._latents.append(dice.normal("latents/fine", self._G.z_dim))
        self._noise = [
            dice.pixels(f"synthesis/{layer}", like)
            for layer, like in enumerate(self._G.fixed_noise())
        ]

    def images(self, piece: slice) -> Float[Tensor, "b c h w"]:
        """Make the fakes of a piece of the batch."""
        return self.synthesize(self.styles(piece), piece)

    def styles(self, piece: slice) -> Float[Tensor, "b n d"]:
        """Map latents to styles; from the layer of change on, those of the second latent."""
        label = self._batch.label_of(piece)
        coarse, *fine = (self._G.map(z[piece], label) for z in self._latents)
        if not fine:
            return coarse
        layers = torch.arange(self._G.num_styles, device=coarse.device)
        is_coarse = layers < self._change[piece, None]
        return torch.where(is_coarse[..., None], coarse, fine[0])

    def synthesize(self, styles: Float[Tensor, "b n d"], piece: slice) -> Tensor:
        """Make a piece's pictures with the noise drawn for it."""
        return self._G.synthesize(styles, [noise[piece] for noise in self._noise])

    def _change_of_style(self, mixing: float, dice: Dice) -> Float[Tensor, " b"]:
        """Draw the first layer of the second style: any but the first, or none at all."""
        last = self._G.num_styles
        layer = 1 + (dice.uniform("mixing/layer") * (last - 1)).floor()
        return torch.where(dice.uniform("mixing") < mixing, layer, float(last))
