"""Decoder and encoder of the variational autoencoder (Kingma and Welling, 1312.6114).

The decoder is an ordinary `Generator`: what makes pictures from a trained GAN makes them from it.
The encoder stands where a GAN has its discriminator.
"""

import math
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ganvas.layers.blocks import Grow, ResidualBlock, Shrink
from ganvas.layers.condition import Classes, LabelledLatent
from ganvas.layers.init import LEAKY_GAIN, fan_in
from ganvas.models import base
from ganvas.models.vae.config import Config, widths

FIRST_LOG_SIGMA = -1.0
"""A pixel is off by 0.37 at the start; the training finds the true value."""


class Generator(base.Generator):
    """The decoder: z -> 4x4, then residual blocks and doublings, tanh at the end."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape, z_dim=config.z_dim)
        self.latent = LabelledLatent(config.z_dim, shape.num_classes)
        width = widths(config.width, shape.resolution)[::-1]
        depth = config.blocks * (len(width) - 1)
        self.body = nn.Sequential(
            fan_in(nn.Linear(self.latent.out_dim, width[0] * math.prod(shape.grid))),
            nn.Unflatten(1, (width[0], *shape.grid)),
        )
        for before, after in pairwise(width):
            self.body.extend(ResidualBlock(before, depth=depth) for _ in range(config.blocks))
            self.body.append(Grow(before, after))
        pixels = fan_in(nn.Conv2d(width[-1], shape.channels, 3, padding=1))
        self.body.extend([nn.LeakyReLU(0.2), pixels, nn.Tanh()])

    def forward(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Return the mean of p(image | z), in [-1, 1]."""
        images: Tensor = self.body(self.latent(z, label))
        return images


class Encoder(base.Encoder):
    """Pixels -> residual blocks and halvings -> 4x4 -> a mean and a variance for each latent."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape)
        width = widths(config.width, shape.resolution)
        depth = config.blocks * (len(width) - 1)
        self.body = nn.Sequential(fan_in(nn.Conv2d(shape.seen_channels, width[0], 3, padding=1)))
        for before, after in pairwise(width):
            self.body.append(Shrink(before, after))
            self.body.extend(ResidualBlock(after, depth=depth) for _ in range(config.blocks))
        self.body.extend([nn.LeakyReLU(0.2), nn.Flatten()])
        self.linear = fan_in(
            nn.Linear(width[-1] * math.prod(shape.grid), 2 * config.z_dim), LEAKY_GAIN
        )
        self.embedding = (
            nn.Embedding(shape.num_classes, 2 * config.z_dim) if shape.num_classes else None
        )
        self.log_sigma = nn.Parameter(torch.tensor(FIRST_LOG_SIGMA))

    def features(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Return the 4x4 map as a vector."""
        features: Tensor = self.body(images)
        return features

    def posterior(
        self, features: Float[Tensor, "b f"], label: Int[Tensor, " b"] | None = None
    ) -> base.Posterior:
        """Return q(z | image, label): with classes each moves mean and variance by its own."""
        numbers = self.linear(features)
        if self.embedding is not None:
            assert label is not None, "an encoder with classes needs labels"
            numbers = numbers + self.embedding(label)
        return base.Posterior(*numbers.chunk(2, dim=1))
