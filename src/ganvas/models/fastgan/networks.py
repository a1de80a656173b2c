"""Generator and discriminator for few pictures (FastGAN, 2101.04775), at a processor's widths.

Two ideas. Small maps gate the channels of large ones (skip-layer excitation), so that gradients
reach the start of G on a short way. And D must rebuild the real pictures from its own features,
so that it learns what is in them and not only a few marks that give the fakes away.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.layers.condition import Classes, LabelledLatent, ProjectionHead
from ganvas.layers.init import LEAKY_GAIN, fan_in
from ganvas.layers.resample import downsample
from ganvas.layers.sizes import sizes_to
from ganvas.layers.spectral import with_spectral_norm
from ganvas.models import base
from ganvas.models.fastgan.config import Config, channels_at

LAST = 8
"""D's maps end at 8x8."""
QUARTERED = 16
"""From a map of this size D rebuilds one quarter."""


class Gated(nn.Module):
    """GLU: the second half of the channels gates the first.

    nn.GLU gives channels_last up on its way back, and batch norm is slow without.
    """

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h w"]:
        """Return half of the channels."""
        values, gates = features.chunk(2, dim=1)
        return values * torch.sigmoid(gates)


def _grow(before: int, after: int, *, convolutions: int) -> nn.Sequential:
    """Nearest doubling, then convolutions with batch norm and GLU; GLU halves the channels."""
    body = nn.Sequential(nn.Upsample(scale_factor=2))
    for _ in range(convolutions):
        body.append(nn.Conv2d(before, 2 * after, 3, padding=1, bias=False))
        body.extend([nn.BatchNorm2d(2 * after), Gated()])
        before = after
    return body


class Excitation(nn.Module):
    """Skip-layer excitation, equation 1: high * F(low), a gate in (0, 1) for each channel."""

    def __init__(self, low: int, high: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self._grid = grid
        self.gate = nn.Sequential(
            nn.Conv2d(low, high, grid),
            nn.LeakyReLU(0.1),
            nn.Conv2d(high, high, 1),
            nn.Sigmoid(),
        )

    def forward(
        self, high: Float[Tensor, "b c h w"], low: Float[Tensor, "b c2 h2 w2"]
    ) -> Float[Tensor, "b c h w"]:
        """Return the large map with its channels weighed by what the small one holds."""
        gate: Tensor = self.gate(F.adaptive_avg_pool2d(low, self._grid))
        return high * gate


class Generator(base.Generator):
    """z -> 4x4, then doublings with one or two convolutions in turn, gated from far below."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape, z_dim=config.z_dim)
        self.latent = LabelledLatent(config.z_dim, shape.num_classes)
        width = {size: channels_at(size, config.width) for size in sizes_to(shape.resolution)}
        self.start = nn.Sequential(
            nn.Unflatten(1, (self.latent.out_dim, 1, 1)),
            nn.ConvTranspose2d(self.latent.out_dim, 2 * width[4], shape.grid, bias=False),
            nn.BatchNorm2d(2 * width[4]),
            Gated(),
        )
        self.stages, self.excitations = nn.ModuleDict(), nn.ModuleDict()
        for index, size in enumerate(list(width)[1:]):
            self.stages[str(size)] = _grow(
                width[size // 2], width[size], convolutions=2 - index % 2
            )
            if size // config.reach in width:
                low = width[size // config.reach]
                self.excitations[str(size)] = Excitation(low, width[size], shape.grid)
        self._reach = config.reach
        self.pixels = nn.Sequential(
            fan_in(nn.Conv2d(width[max(width)], shape.channels, 3, padding=1)), nn.Tanh()
        )

    def forward(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Return images in [-1, 1]."""
        maps = {4: self.start(self.latent(z, label))}
        for name, stage in self.stages.items():
            size = int(name)
            maps[size] = stage(maps[size // 2])
            if name in self.excitations:
                maps[size] = self.excitations[name](maps[size], maps[size // self._reach])
        images: Tensor = self.pixels(maps[max(maps)])
        return images


class Halving(nn.Module):
    """The mean of two ways to half the size: two convolutions, and a pooled shortcut."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.bent = nn.Sequential(
            fan_in(nn.Conv2d(before, after, 4, stride=2, padding=1), LEAKY_GAIN),
            nn.LeakyReLU(0.2),
            fan_in(nn.Conv2d(after, after, 3, padding=1), LEAKY_GAIN),
            nn.LeakyReLU(0.2),
        )
        self.short = nn.Sequential(
            fan_in(nn.Conv2d(before, after, 1), LEAKY_GAIN), nn.LeakyReLU(0.2)
        )

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        """Return features of half the size."""
        mean: Tensor = (self.bent(features) + self.short(downsample(features))) / 2
        return mean


class Tower(nn.Module):
    """Pixels down to 8x8."""

    def __init__(self, config: Config, *, channels: int, sizes: Sequence[int]) -> None:
        super().__init__()
        width = [channels_at(size, config.width) for size in sizes]
        from_rgb = fan_in(nn.Conv2d(channels, width[0], 3, padding=1), LEAKY_GAIN)
        self.stem = nn.Sequential(from_rgb, nn.LeakyReLU(0.2))
        self.halvings = nn.ModuleDict(
            {
                str(size): Halving(before, after)
                for size, before, after in zip(sizes[1:], width, width[1:], strict=False)
            }
        )

    def forward(self, images: Float[Tensor, "b c h w"]) -> dict[int, Float[Tensor, "b _c _h _w"]]:
        """Return the maps by their size."""
        features = self.stem(images)
        maps = {}
        for size, halving in self.halvings.items():
            features = maps[int(size)] = halving(features)
        return maps


class Decoder(nn.Sequential):
    """An 8x8 map to a picture of side `out`, as simple as can be: it must not do D's work."""

    def __init__(self, before: int, channels: int, *, width: int, out: int) -> None:
        super().__init__()
        size = LAST
        while size < out:
            size *= 2
            after = channels_at(size, width)
            self.append(nn.Upsample(scale_factor=2))
            self.append(fan_in(nn.Conv2d(before, after, 3, padding=1), LEAKY_GAIN))
            self.append(nn.LeakyReLU(0.2))
            before = after
        self.append(fan_in(nn.Conv2d(before, channels, 3, padding=1))).append(nn.Tanh())


def quarter(
    maps: Float[Tensor, "b c h w"], corner: Int[Tensor, " b"]
) -> Float[Tensor, "b c h2 w2"]:
    """Cut one quarter out of each map: 0 top left, 1 top right, 2 bottom left, 3 bottom right."""
    parts = torch.unflatten(torch.unflatten(maps, 3, (2, -1)), 2, (2, -1))
    sample = torch.arange(len(maps), device=maps.device)
    cut: Tensor = parts[sample, :, corner // 2, :, corner % 2]
    return cut


class Discriminator(base.Rebuilder):
    """Two towers, one on the picture and one on its half; both verdicts are added up.

    Spectral norm on all that judges; the decoders are free. No batch norm: no sample sees another.
    """

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape)
        seen, sizes = shape.seen_channels, sizes_to(shape.resolution)[:0:-1]
        last = channels_at(LAST, config.width)
        self.large = Tower(config, channels=seen, sizes=sizes)
        self.small = Tower(config, channels=seen, sizes=sizes[1:])
        # A 4x4 convolution judges 5x5 overlapping patches; their mean is the picture's feature.
        self.patches = nn.ModuleList(
            nn.Sequential(fan_in(nn.Conv2d(last, last, 4), LEAKY_GAIN), nn.LeakyReLU(0.2))
            for _ in range(2)
        )
        self.head = ProjectionHead(2 * last, shape.num_classes)
        with_spectral_norm(self)

        def decoder(size: int) -> Decoder:
            return Decoder(channels_at(size, config.width), seen, width=config.width, out=sizes[1])

        self.decode_whole, self.decode_small = decoder(LAST), decoder(LAST)
        self.decode_quarter = decoder(QUARTERED)

    def features(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Return what all patches have in the mean, of the picture and of its half."""
        return self._pooled(self.large(images), self.small(downsample(images)))

    def verdict_and_rebuilt(
        self,
        images: Float[Tensor, "b c h w"],
        label: Int[Tensor, " b"] | None,
        corner: Int[Tensor, " b"],
    ) -> tuple[Float[Tensor, " b"], list[base.Rebuilt]]:
        """Score pictures and rebuild each at half its size, twice, and a quarter in full detail."""
        halved = downsample(images)
        large, small = self.large(images), self.small(halved)
        rebuilt = [
            base.Rebuilt(self.decode_whole(large[LAST]), halved),
            base.Rebuilt(self.decode_small(small[LAST]), halved),
            base.Rebuilt(
                self.decode_quarter(quarter(large[QUARTERED], corner)), quarter(images, corner)
            ),
        ]
        return self.logits(self._pooled(large, small), label), rebuilt

    def _pooled(
        self,
        large: dict[int, Float[Tensor, "b _c _h _w"]],
        small: dict[int, Float[Tensor, "b _c _h _w"]],
    ) -> Float[Tensor, "b f"]:
        means = [
            judge(maps[LAST]).mean((2, 3))
            for judge, maps in zip(self.patches, (large, small), strict=True)
        ]
        return torch.cat(means, dim=1)
