"""Generator and discriminator of residual blocks without normalisation (after R3GAN, 2501.05441).

What carries the training is the loss: relativistic pairs and zero-centred gradient penalties.
The networks only stay out of its way: fixed resampling, blocks that start as identities, and
nothing that ties the samples of a batch together.
"""

import math

from jaxtyping import Float
from torch import Tensor, nn

from ganvas.layers.blocks import Grow, ResidualBlock, Shrink
from ganvas.layers.condition import Classes, LabelledLatent, ProjectionHead
from ganvas.layers.init import LEAKY_GAIN, fan_in
from ganvas.layers.resample import upsample
from ganvas.layers.sizes import channels_at, sizes_to
from ganvas.models import base
from ganvas.models.resnet.config import Config


class Generator(base.Generator):
    """z -> fully connected -> 4x4, then blocks and doublings; pixels are linear, without tanh."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape, z_dim=config.z_dim)
        sizes = sizes_to(shape.resolution)
        width = {size: channels_at(size, config.width) for size in sizes}
        depth = config.blocks * len(sizes)
        self.latent = LabelledLatent(config.z_dim, shape.num_classes)
        self.start = nn.Sequential(
            fan_in(nn.Linear(self.latent.out_dim, width[4] * math.prod(shape.grid))),
            nn.Unflatten(1, (width[4], *shape.grid)),
        )
        self.stages, self.to_rgb = nn.ModuleDict(), nn.ModuleDict()
        for size in sizes:
            stage = (
                nn.Sequential() if size == 4 else nn.Sequential(Grow(width[size // 2], width[size]))
            )
            for _ in range(config.blocks):
                stage.append(ResidualBlock(width[size], depth=depth, norm=config.norm_g))
            self.stages[str(size)] = stage
        shown = sizes if config.skip else sizes[-1:]
        for size in shown:
            pixels = fan_in(
                nn.Conv2d(width[size], shape.channels, 3, padding=1), len(shown) ** -0.5
            )
            self.to_rgb[str(size)] = nn.Sequential(nn.LeakyReLU(0.2), pixels)

    def forward(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Return images nominally in [-1, 1], not clamped."""
        features = self.start(self.latent(z, label))
        images: Tensor | None = None
        for size, stage in self.stages.items():
            features = stage(features)
            if size in self.to_rgb:
                detail = self.to_rgb[size](features)
                images = detail if images is None else upsample(images) + detail
        assert images is not None, "the last size always has a to_rgb"
        return images


class Discriminator(base.Discriminator):
    """Pixels -> blocks and halvings -> 4x4 -> fully connected features -> logit."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape)
        fold = 2 if config.stem == "fold" else 1
        sizes = sizes_to(shape.resolution)[-fold::-1]
        widths = [channels_at(size, config.width) for size in sizes]
        depth = config.blocks * len(sizes)
        from_rgb = fan_in(nn.Conv2d(shape.seen_channels * fold**2, widths[0], 3, padding=1))
        self.body = (
            nn.Sequential(nn.PixelUnshuffle(2), from_rgb) if fold == 2 else nn.Sequential(from_rgb)
        )
        for index, width in enumerate(widths):
            if index:
                self.body.append(Shrink(widths[index - 1], width))
            self.body.extend(ResidualBlock(width, depth=depth) for _ in range(config.blocks))
        last = widths[-1]
        full = fan_in(nn.Linear(last * math.prod(shape.grid), last), LEAKY_GAIN)
        self.body.extend([nn.LeakyReLU(0.2), nn.Flatten(), full, nn.LeakyReLU(0.2)])
        self.head = ProjectionHead(last, shape.num_classes)

    def features(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Return the fully connected layer on the 4x4 map."""
        features: Tensor = self.body(images)
        return features
