"""Generator and discriminator of StyleGAN2 (1912.04958): skip generator, residual discriminator.

A leaky ReLU takes part of the power away, and the paper gives it back as a gain of sqrt 2 behind
it. Here that gain stands in front, in the weights: the same function, one pass over the maps less.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.core.device import in_fp32
from ganvas.layers.condition import Classes, LabelledLatent, ProjectionHead
from ganvas.layers.equalized import EqualizedConv2d, EqualizedLinear
from ganvas.layers.minibatch_stddev import MinibatchStddev
from ganvas.layers.modulated import ModulatedConv2d
from ganvas.layers.pixel_norm import PixelNorm
from ganvas.layers.resample import fir, fir_downsample, fir_upsample
from ganvas.layers.sizes import sizes_to
from ganvas.models import base
from ganvas.models.stylegan2.config import MAPPING_RATE, NOISE_RATE, Config, channels_at

GAIN = math.sqrt(2)


class Mapping(nn.Module):
    """z, and its class, to w: normalised, then fully connected layers that learn slowly."""

    def __init__(self, config: Config, num_classes: int) -> None:
        super().__init__()
        self.norm = PixelNorm()
        self.latent = LabelledLatent(config.z_dim, num_classes)
        sizes = [self.latent.out_dim] + [config.w_dim] * config.mapping_layers
        self.layers = nn.Sequential()
        for before, after in pairwise(sizes):
            layer = EqualizedLinear(before, after, gain=GAIN, lr_multiplier=MAPPING_RATE)
            self.layers.extend([layer, nn.LeakyReLU(0.2)])

    def forward(self, z: Float[Tensor, "b z"], label: Classes | None) -> Float[Tensor, "b d"]:
        """Return styles; a longer z is no other z."""
        w: Tensor = self.layers(self.latent(self.norm(z), label))
        return w


class StyledLayer(nn.Module):
    """A modulated 3x3 convolution, noise, bias and leaky ReLU; `up` doubles the size."""

    noise: Tensor

    def __init__(
        self, before: int, after: int, *, size: tuple[int, int], w_dim: int, up: bool
    ) -> None:
        super().__init__()
        self.style = EqualizedLinear(w_dim, before, bias=1.0)
        self.conv = ModulatedConv2d(before, after, 3, up=up)
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(after))
        self.register_buffer("noise", torch.randn(1, 1, *size))

    def forward(
        self,
        features: Float[Tensor, "b c h w"],
        w: Float[Tensor, "b d"],
        noise: Float[Tensor, "n 1 h2 w2"] | None,
    ) -> Float[Tensor, "b c2 h2 w2"]:
        """Return features; without `noise` the layer's own, always the same, is added."""
        styles = self.style(w)
        features = self.conv(features, styles)
        coefficients = GAIN * self.conv.demodulation(styles)[:, :, None, None]
        noise = (self.noise if noise is None else noise).to(self.bias.dtype)
        # As one linear map of the noise: adding a map or a bias to few channels in bf16 takes
        # several times as long.
        strength = (NOISE_RATE * self.noise_strength).expand(len(self.bias), 1)
        added = F.linear(noise.permute(0, 2, 3, 1), strength, self.bias).permute(0, 3, 1, 2)
        features = (features * coefficients.to(features.dtype)).add_(added)
        return F.leaky_relu_(features, 0.2)


class ToPixels(nn.Module):
    """A modulated 1x1 convolution to colours, not demodulated."""

    def __init__(self, before: int, channels: int, *, w_dim: int, gain: float) -> None:
        super().__init__()
        self.style = EqualizedLinear(w_dim, before, bias=1.0)
        self.conv = ModulatedConv2d(before, channels, 1)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.gain = gain

    def forward(
        self, features: Float[Tensor, "b c h w"], w: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b c2 h w"]:
        """Return this size's part of the pictures, in fp32: bf16 would round their sum anew."""
        pixels: Tensor = self.conv(features, self.gain * self.style(w))
        return in_fp32(pixels) + self.bias[:, None, None]


class Generator(base.StyleGenerator):
    """w -> a learned 4x4 map -> pairs of styled layers, each pair twice as large -> pixels."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape, z_dim=config.z_dim)
        sizes = sizes_to(shape.resolution)
        self.num_styles = 2 * len(sizes)
        self.register_buffer("w_mean", torch.zeros(max(1, shape.num_classes), config.w_dim))
        self.mapping = Mapping(config, shape.num_classes)
        before = channels_at(4, config)
        rows, columns = shape.grid
        self.start = nn.Parameter(torch.randn(1, before, rows, columns))
        self.layers, self.to_pixels = nn.ModuleList(), nn.ModuleList()
        for size in sizes:
            after = channels_at(size, config)
            for up in (False,) if size == 4 else (True, False):
                noise = (rows * size // 4, columns * size // 4)
                layer = StyledLayer(before, after, size=noise, w_dim=config.w_dim, up=up)
                self.layers.append(layer)
                before = after
            pixels = ToPixels(after, shape.channels, w_dim=config.w_dim, gain=len(sizes) ** -0.5)
            self.to_pixels.append(pixels)

    def map(self, z: Float[Tensor, "b z"], label: Classes | None = None) -> Float[Tensor, "b n d"]:
        """Return a style a layer, all the same."""
        w: Tensor = self.mapping(z.to(self.start.dtype), label)
        return w[:, None].expand(-1, self.num_styles, -1)

    def synthesize(
        self,
        w: Float[Tensor, "b n d"],
        noise: Sequence[Float[Tensor, "m 1 _ _"]] | None = None,
    ) -> Float[Tensor, "b c h w"]:
        """Return images nominally in [-1, 1], not clamped."""
        styles = w.to(self.start.dtype).unbind(1)
        # Not len(w): an export would take it for a constant.
        features = self.start.expand(w.shape[0], -1, -1, -1)
        images: Tensor | None = None
        for index, layer in enumerate(self.layers):
            features = layer(features, styles[index], None if noise is None else noise[index])
            if index % 2:
                continue
            detail = self.to_pixels[index // 2](features, styles[index + 1])
            images = detail if images is None else fir_upsample(images) + detail
        assert images is not None, "the first layer has pixels"
        return images

    def style_weights(self) -> Float[Tensor, "o d"]:
        """Return the weights of the linear maps from w, one layer below the other."""
        styled = [one for one in self.modules() if isinstance(one, StyledLayer | ToPixels)]
        return torch.cat([one.style.scaled_weight() for one in styled])

    def fixed_noise(self) -> list[Float[Tensor, "1 1 _ _"]]:
        """Return the noise that is added where none is given, layer by layer."""
        return [layer.noise for layer in self.layers if isinstance(layer, StyledLayer)]


class Halving(nn.Module):
    """Two convolutions, the second to half the size, beside a 1x1 convolution; their sum."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = EqualizedConv2d(before, before, 3, gain=GAIN)
        # Both branches have half the power: sqrt 2 of the activation and 1 / sqrt 2 cancel.
        self.conv2 = EqualizedConv2d(before, after, 3, stride=2, padding=0)
        self.skip = EqualizedConv2d(before, after, 1, gain=1 / GAIN, bias=None)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        """Return features of half the size."""
        branch = F.leaky_relu_(self.conv1(features), 0.2)
        branch = F.leaky_relu_(self.conv2(fir(branch, padding=2)), 0.2)
        skip: Tensor = self.skip(fir_downsample(features))
        return branch + skip


class Discriminator(base.Discriminator):
    """Pixels -> halvings -> 4x4, the spread of the batch beside it -> features -> logit."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape)
        widths = [channels_at(size, config) for size in sizes_to(shape.resolution)[::-1]]
        from_pixels = EqualizedConv2d(shape.seen_channels, widths[0], 1, gain=GAIN)
        self.body = nn.Sequential(from_pixels, nn.LeakyReLU(0.2))
        self.body.extend(Halving(*pair) for pair in pairwise(widths))
        last, spread = widths[-1], 1 if config.stddev_group else 0
        if spread:
            self.body.append(MinibatchStddev(config.stddev_group))
        self.body.extend(
            [
                EqualizedConv2d(last + spread, last, 3, gain=GAIN),
                nn.LeakyReLU(0.2),
                nn.Flatten(),
                EqualizedLinear(last * math.prod(shape.grid), last, gain=GAIN),
                nn.LeakyReLU(0.2),
            ]
        )
        self.head = ProjectionHead(last, shape.num_classes, equalized=True)

    def features(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Return the fully connected layer on the 4x4 map."""
        features: Tensor = self.body(images)
        return features
