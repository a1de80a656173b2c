"""The two abstract networks that recipes, tests and exports rely on."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ganvas.core.rng import rng


class Generator(nn.Module, ABC):
    """Makes pictures from latent vectors: G(z, label) -> images."""

    z_dim: int
    channels: int
    resolution: int
    num_classes: int

    @abstractmethod
    def forward(
        self, z: Float[Tensor, "b z"], label: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Return images nominally in [-1, 1]; `label` is needed when `num_classes` > 0."""


class Discriminator(nn.Module, ABC):
    """Tells real pictures from made ones: D(images, label) -> logits, higher is more real."""

    channels: int
    resolution: int
    num_classes: int
    pack: int

    @abstractmethod
    def features(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Return the feature vector in front of the last layer."""

    @abstractmethod
    def logits(
        self, features: Float[Tensor, "b f"], label: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """Score feature vectors."""

    def forward(
        self, images: Float[Tensor, "b c h w"], label: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """Score pictures in [-1, 1]; with `pack` > 1 the channels hold `pack` pictures."""
        return self.logits(self.features(images), label)


def seeded_latents(seeds: Sequence[int], z_dim: int) -> Float[Tensor, "b z"]:
    """One latent from N(0, 1) for each seed: a seed means one picture in any batch, anywhere."""
    return torch.stack([torch.randn(z_dim, generator=rng(seed, "generate")) for seed in seeds])
