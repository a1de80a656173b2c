"""The abstract networks that recipes, tests and exports rely on."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.core.canvas import Resolution, sides
from ganvas.core.rng import rng
from ganvas.layers.condition import Classes
from ganvas.layers.sizes import grid_of

LATENTS = 4096
LATENTS_A_CLASS = 64
"""How many latents the mean style is the mean of: all together, and at least for each class."""


@dataclass(frozen=True)
class Shape:
    """The pictures that a pair of networks makes and looks at."""

    channels: int
    resolution: Resolution
    num_classes: int = 0
    pack: int = 1
    """Pictures stacked on the channels of what is looked at (PacGAN)."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return sides(self.resolution)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the smallest map."""
        return grid_of(self.resolution)

    @property
    def seen_channels(self) -> int:
        """Channels of what is looked at."""
        return self.channels * self.pack


class Generator(nn.Module, ABC):
    """Makes pictures from latent vectors: G(z, label) -> images."""

    def __init__(self, shape: Shape, *, z_dim: int) -> None:
        super().__init__()
        self.z_dim, self.num_classes = z_dim, shape.num_classes
        self.channels, self.resolution = shape.channels, shape.resolution
        self.size = shape.size

    @abstractmethod
    def forward(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Return images nominally in [-1, 1]; `label` is needed when `num_classes` > 0."""


class SphereGenerator(Generator, ABC):
    """A generator that looks at the direction of a latent only, not at its length (1710.10196)."""

    @abstractmethod
    def from_sphere(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Return images for latents of mean square 1; shorter ones give more typical images."""

    def forward(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Return images for latents of any length."""
        return self.from_sphere(on_sphere(z), label)


class PyramidGenerator(SphereGenerator, ABC):
    """A generator that makes its pictures in every size (1903.06048)."""

    @abstractmethod
    def scales(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> list[Float[Tensor, "b c _ _"]]:
        """Return images of every size, smallest first; the last are G(z, label)."""


class StyleGenerator(Generator, ABC):
    """A generator with a space of styles: G(z) = synthesize(map(z)).

    `w_mean`, float[classes or 1, d], is the typical style; `measure_mean` sets it.
    """

    num_styles: int
    w_mean: Tensor

    @abstractmethod
    def map(self, z: Float[Tensor, "b z"], label: Classes | None = None) -> Float[Tensor, "b n d"]:
        """Return `num_styles` styles w for each latent."""

    @abstractmethod
    def synthesize(
        self,
        w: Float[Tensor, "b n d"],
        noise: Sequence[Float[Tensor, "m 1 _ _"]] | None = None,
    ) -> Float[Tensor, "b c h w"]:
        """Return images for styles; `noise` replaces `fixed_noise`, one map a sample or for all."""

    @abstractmethod
    def style_weights(self) -> Float[Tensor, "o d"]:
        """Return the matrix that turns a style into the scales of all layers' channels."""

    @abstractmethod
    def fixed_noise(self) -> list[Float[Tensor, "1 1 _ _"]]:
        """Return the noise that makes a seed one picture, layer by layer."""

    def forward(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Return images with the fixed noise."""
        return self.synthesize(self.map(z, label))

    @torch.no_grad()
    def measure_mean(self) -> None:
        """Set `w_mean` to the mean style of many fixed latents, for each class."""
        num = max(LATENTS_A_CLASS, LATENTS // len(self.w_mean))
        z = torch.randn(num, self.z_dim, generator=rng(0, "mean style")).to(self.w_mean.device)
        for number, mean in enumerate(self.w_mean):
            label = torch.full((num,), number, device=z.device) if self.num_classes else None
            mean.copy_(self.map(z, label)[:, 0].mean(dim=0))


class Observer(nn.Module, ABC):
    """The network that looks at pictures while a generator learns to make them."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.num_classes, self.pack = shape.num_classes, shape.pack
        self.channels, self.resolution = shape.channels, shape.resolution
        self.size = shape.size

    @abstractmethod
    def features(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Return the feature vector in front of the last layer."""


class Discriminator(Observer):
    """Tells real pictures from made ones: D(images, label) -> logits, higher is more real."""

    head: nn.Module
    """The last layer: (features, label) -> logits."""

    def logits(
        self, features: Float[Tensor, "b f"], label: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """Score feature vectors."""
        logits: Tensor = self.head(features, label)
        return logits

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


def on_sphere(z: Float[Tensor, "b *n z"]) -> Float[Tensor, "b *n z"]:
    """Give latents a mean square of 1; zeros stay zeros."""
    return F.normalize(z, dim=-1) * math.sqrt(z.shape[-1])
