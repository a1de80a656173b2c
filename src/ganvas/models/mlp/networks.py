"""Generator and discriminator of fully connected layers (Goodfellow 2014, 1406.2661)."""

import math
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from ganvas.layers.condition import Classes, LabelledLatent, ProjectionHead
from ganvas.models import base
from ganvas.models.mlp.config import Config

# The lesson's 0.2 (Keras calls it 0.8): running statistics follow the last few batches.
BATCH_NORM_MOMENTUM = 0.2


class Generator(base.Generator):
    """z -> 256 -> 512 -> 1024 -> pixels, batch norm and leaky ReLU between, tanh at the end."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape, z_dim=config.z_dim)
        self.latent = LabelledLatent(config.z_dim, shape.num_classes)
        sizes = (self.latent.out_dim, *config.hidden_g)
        self.hidden = nn.Sequential()
        for before, after in pairwise(sizes):
            # Batch norm subtracts the mean, so a bias in front of it would do nothing.
            self.hidden.append(nn.Linear(before, after, bias=config.norm == "none"))
            if config.norm == "batch":
                self.hidden.append(nn.BatchNorm1d(after, momentum=BATCH_NORM_MOMENTUM))
            self.hidden.append(nn.LeakyReLU(0.2))
        self.pixels = nn.Linear(sizes[-1], shape.channels * math.prod(shape.size))
        self.out = nn.Tanh() if config.out == "tanh" else nn.Identity()

    def forward(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Return images, in [-1, 1] with out tanh."""
        pixels: Tensor = self.out(self.pixels(self.hidden(self.latent(z, label))))
        return pixels.view(-1, self.channels, *self.size)


class Discriminator(base.Discriminator):
    """Pixels -> 512 -> 256 -> logit, leaky ReLU between; no sigmoid, the losses take logits."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape)
        sizes = (shape.seen_channels * math.prod(shape.size), *config.hidden_d)
        self.hidden = nn.Sequential(nn.Flatten())
        for before, after in pairwise(sizes):
            self.hidden.extend([nn.Linear(before, after), nn.LeakyReLU(0.2)])
        self.head = ProjectionHead(sizes[-1], shape.num_classes)

    def features(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Return the last hidden layer."""
        features: Tensor = self.hidden(images)
        return features
