"""Generator and discriminator of pictures of all sizes (MSG-GAN, 1903.06048).

G shows a picture after each of its blocks, and D takes each in where its own map has that size. So
gradients reach every block of G directly, from the first step on, and nothing has to grow.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganvas.layers.condition import Classes, ProjectionHead
from ganvas.layers.equalized import EqualizedConv2d
from ganvas.layers.progan import Ascent, bent, halving, summary
from ganvas.layers.pyramid import pyramid, unflatten
from ganvas.layers.sizes import channels_at, sizes_to
from ganvas.models import base
from ganvas.models.msg.config import Config


class Generator(base.PyramidGenerator):
    """z -> 4x4 -> ... -> maps of every size, each with its own pixels, linear."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape, z_dim=config.z_dim)
        widths = [channels_at(size, config.width) for size in sizes_to(shape.resolution)]
        self.ascent = Ascent(config.z_dim, shape.num_classes, widths)
        self.to_rgb = nn.ModuleList([EqualizedConv2d(width, shape.channels, 1) for width in widths])

    def from_sphere(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Return the images of the full size, nominally in [-1, 1], not clamped."""
        images: Tensor = self.to_rgb[-1](self._maps(z, label)[-1])
        return images

    def scales(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> list[Float[Tensor, "b c _ _"]]:
        """Return images of every size, smallest first; the last are G(z, label)."""
        maps = self._maps(base.on_sphere(z), label)
        return [to_rgb(features) for to_rgb, features in zip(self.to_rgb, maps, strict=True)]

    def _maps(
        self, z: Float[Tensor, "b z"], label: Classes | None
    ) -> list[Float[Tensor, "b _ _ _"]]:
        maps: list[Tensor] = self.ascent(z, label, last=len(self.to_rgb) - 1)
        return maps


class Join(nn.Module):
    """phi of section 3: puts pictures of a size beside features of `kept` channels.

    simple [f; x], lin-cat [f; conv1(x)], cat-lin conv1([f; x]); `joined` channels come out.
    """

    def __init__(self, phi: str, *, channels: int, width: int) -> None:
        super().__init__()
        self.kept = width // 2 if phi == "lin-cat" else width
        self.joined = width + channels if phi == "simple" else width
        self.before: nn.Module = nn.Identity()
        self.behind: nn.Module = nn.Identity()
        if phi == "lin-cat":
            self.before = EqualizedConv2d(channels, width - self.kept, 1)
        elif phi == "cat-lin":
            self.behind = EqualizedConv2d(width + channels, width, 1)

    def forward(
        self, features: Float[Tensor, "b kept h w"], images: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, "b joined h w"]:
        """Return features that know of the pictures."""
        pixels = self.before(images).to(features.dtype)
        joined: Tensor = self.behind(torch.cat([features, pixels], dim=1))
        return joined


class Discriminator(base.Discriminator):
    """Pixels -> ... -> 4x4 -> features -> logit, with the pixels of each size joined on the way.

    Beside pictures, which it averages to all sizes, it takes G's own ones of every size, as the one
    tensor that `layers.pyramid.flatten` makes of them.
    """

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape)
        sizes = sizes_to(shape.resolution)
        width = {size: channels_at(size, config.width) for size in sizes}
        self.from_rgb = bent(shape.seen_channels, width[sizes[-1]], 1)
        self.halvings, self.joins = nn.ModuleDict(), nn.ModuleDict()
        before = width[sizes[-1]]
        for size in sizes[:0:-1]:
            join = Join(config.phi, channels=shape.seen_channels, width=width[size // 2])
            self.halvings[str(size)] = halving(before, width[size], join.kept)
            self.joins[str(size // 2)] = join
            before = join.joined
        self.summary = summary(before, width[4])
        self.head = ProjectionHead(width[4], shape.num_classes, equalized=True)

    def features(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Return the fully connected layer on the 4x4 map, of pictures or of pyramids."""
        *smaller, largest = self._scales(images)
        maps: Tensor = self.from_rgb(largest)
        steps = zip(self.halvings.values(), self.joins.values(), reversed(smaller), strict=True)
        for halve, join, images_here in steps:
            maps = join(halve(maps), images_here)
        features: Tensor = self.summary(maps)
        return features

    def _scales(self, images: Float[Tensor, "b c h w"]) -> list[Float[Tensor, "b c2 _ _"]]:
        if images.shape[-1] == self.size[1]:
            return pyramid(images)
        each = images.reshape(len(images) * self.pack, -1, 1, 1)
        scales = unflatten(each, channels=self.channels, resolution=self.size[0])
        return [scale.reshape(len(images), -1, *scale.shape[2:]) for scale in scales]
