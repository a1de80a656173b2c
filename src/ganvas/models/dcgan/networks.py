"""Generator and discriminator of convolutions (DCGAN, 1511.06434), in two variants.

strided: layer for layer the network of PyTorch's DCGAN tutorial. pooling: the lesson's drawing,
fully connected layers at the narrow end and average pooling or upsampling between convolutions.
"""

import math
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from ganvas.layers.condition import Classes, LabelledLatent, ProjectionHead
from ganvas.layers.init import he, normal02
from ganvas.layers.resample import Blur
from ganvas.layers.spectral import with_spectral_norm
from ganvas.models import base
from ganvas.models.dcgan.config import Config, channels_by_stage

STARTS = {"normal02": normal02, "he": he}


def _bend(channels: int, *, norm: str, activation: nn.Module) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), activation] if norm == "batch" else [activation]


def _strided_generator(
    z_dim: int, widths: list[int], shape: base.Shape, *, norm: str
) -> nn.Sequential:
    bias = norm != "batch"
    first = nn.ConvTranspose2d(z_dim, widths[0], shape.grid, bias=bias)
    body = nn.Sequential(nn.Unflatten(1, (z_dim, 1, 1)), first)
    body.extend(_bend(widths[0], norm=norm, activation=nn.ReLU()))
    for before, after in pairwise(widths):
        body.append(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias))
        body.extend(_bend(after, norm=norm, activation=nn.ReLU()))
    return body.append(
        nn.ConvTranspose2d(widths[-1], shape.channels, 4, stride=2, padding=1, bias=bias)
    )


def _pooling_generator(
    z_dim: int, widths: list[int], shape: base.Shape, *, norm: str
) -> nn.Sequential:
    bias = norm != "batch"
    first = nn.Linear(z_dim, widths[0] * math.prod(shape.grid), bias=bias)
    body = nn.Sequential(first, nn.Unflatten(1, (widths[0], *shape.grid)))
    body.extend(_bend(widths[0], norm=norm, activation=nn.ReLU()))
    for before, after in pairwise(widths):
        body.append(nn.Upsample(scale_factor=2))
        body.append(nn.Conv2d(before, after, 3, padding=1, bias=bias))
        body.extend(_bend(after, norm=norm, activation=nn.ReLU()))
    return body.append(nn.Upsample(scale_factor=2)).append(
        nn.Conv2d(widths[-1], shape.channels, 3, padding=1)
    )


def _strided_features(shape: base.Shape, widths: list[int], *, norm: str) -> nn.Sequential:
    bias = norm != "batch"
    first = nn.Conv2d(shape.seen_channels, widths[0], 4, stride=2, padding=1, bias=bias)
    body = nn.Sequential(first, nn.LeakyReLU(0.2))
    for before, after in pairwise(widths):
        body.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=bias))
        body.extend(_bend(after, norm=norm, activation=nn.LeakyReLU(0.2)))
    return body.append(nn.Flatten())


def _pooling_features(shape: base.Shape, widths: list[int], *, norm: str) -> nn.Sequential:
    first = nn.Conv2d(shape.seen_channels, widths[0], 3, padding=1)
    body = nn.Sequential(first, nn.LeakyReLU(0.2), nn.AvgPool2d(2))
    for before, after in pairwise(widths):
        body.append(nn.Conv2d(before, after, 3, padding=1, bias=norm != "batch"))
        body.extend(_bend(after, norm=norm, activation=nn.LeakyReLU(0.2)))
        body.append(nn.AvgPool2d(2))
    full = nn.Linear(widths[-1] * math.prod(shape.grid), widths[-1])
    return body.extend([nn.Flatten(), full, nn.LeakyReLU(0.2)])


class Generator(base.Generator):
    """z -> 4x4 -> ... -> pixels; the widest stage first, each twice as large, tanh at the end."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape, z_dim=config.z_dim)
        self.latent = LabelledLatent(config.z_dim, shape.num_classes)
        widths = channels_by_stage(config.width, shape.resolution)[::-1]
        build = _strided_generator if config.variant == "strided" else _pooling_generator
        self.body = build(self.latent.out_dim, widths, shape, norm=config.norm_g)
        if config.blur:
            self.body.append(Blur())
        self.body.append(nn.Tanh())
        if config.init != "default":
            STARTS[config.init](self)

    def forward(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Return images in [-1, 1]."""
        images: Tensor = self.body(self.latent(z, label))
        return images


class Discriminator(base.Discriminator):
    """Pixels -> ... -> 4x4 -> logit, leaky ReLU between; no sigmoid, the losses take logits."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape)
        widths = channels_by_stage(config.width_d or config.width, shape.resolution)
        strided = config.variant == "strided"
        build = _strided_features if strided else _pooling_features
        self.body = build(shape, widths, norm=config.norm_d)
        # The paper's last layer, a 4x4 convolution of a 4x4 map, is this linear map of all of it.
        self.head = ProjectionHead(
            widths[-1] * math.prod(shape.grid) if strided else widths[-1],
            shape.num_classes,
            bias=not strided or config.norm_d != "batch",
        )
        if config.init != "default":
            STARTS[config.init](self)
        if config.norm_d == "spectral":
            with_spectral_norm(self)

    def features(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Return the 4x4 map as a vector (strided), or the fully connected layer (pooling)."""
        features: Tensor = self.body(images)
        return features
