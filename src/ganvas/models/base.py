"""The abstract networks that recipes, tests and exports rely on."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

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


class Observer(nn.Module, ABC):
    """The network that looks at pictures while a generator learns to make them."""

    channels: int
    resolution: int
    num_classes: int
    pack: int
    """Pictures stacked on the channels of what it looks at (PacGAN)."""

    @abstractmethod
    def features(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Return the feature vector in front of the last layer."""


class Discriminator(Observer):
    """Tells real pictures from made ones: D(images, label) -> logits, higher is more real."""

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


class Rebuilt(NamedTuple):
    """A part of a picture as a network rebuilt it, and as it is."""

    made: Float[Tensor, "b c h w"]
    true: Float[Tensor, "b c h w"]


class Rebuilder(Discriminator):
    """A discriminator that can show how much of a picture it has understood (2101.04775)."""

    @abstractmethod
    def verdict_and_rebuilt(
        self,
        images: Float[Tensor, "b c h w"],
        label: Int[Tensor, " b"] | None,
        corner: Int[Tensor, " b"],
    ) -> tuple[Float[Tensor, " b"], list[Rebuilt]]:
        """Score pictures in one pass and rebuild them, whole and one quarter of each.

        `corner` says which quarter: 0 top left, 1 top right, 2 bottom left, 3 bottom right.
        """


class Posterior(NamedTuple):
    """N(mean, exp(log_variance)) for each number of a latent: where a picture may come from."""

    mean: Float[Tensor, "b z"]
    log_variance: Float[Tensor, "b z"]


class Encoder(Observer):
    """Finds the latents that a picture may have come from: E(images, label) -> q(z | image)."""

    log_sigma: nn.Parameter
    """log of the standard deviation of a pixel about the generator's picture."""

    @abstractmethod
    def posterior(
        self, features: Float[Tensor, "b f"], label: Int[Tensor, " b"] | None = None
    ) -> Posterior:
        """Return the distribution that feature vectors speak of."""

    def forward(
        self, images: Float[Tensor, "b c h w"], label: Int[Tensor, " b"] | None = None
    ) -> Posterior:
        """Return the distribution over latents for pictures in [-1, 1]."""
        return self.posterior(self.features(images), label)


def seeded_latents(seeds: Sequence[int], z_dim: int) -> Float[Tensor, "b z"]:
    """One latent from N(0, 1) for each seed: a seed means one picture in any batch, anywhere."""
    return torch.stack([torch.randn(z_dim, generator=rng(seed, "generate")) for seed in seeds])
