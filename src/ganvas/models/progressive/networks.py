"""Generator and discriminator that grow (ProGAN, 1710.10196), from 4x4 to the whole picture.

All layers are there from the start, so a checkpoint has one shape; those of later stages take no
part yet, and so get no gradient. Pictures always have their full size: before the last stage each
pixel of the network is a square of them.
"""

from jaxtyping import Float
from torch import Tensor, nn

from ganvas.layers.condition import Classes, ProjectionHead
from ganvas.layers.equalized import EqualizedConv2d
from ganvas.layers.growth import Growth
from ganvas.layers.progan import Ascent, bent, halving, summary
from ganvas.layers.resample import enlarge, shrink
from ganvas.layers.sizes import channels_at, sizes_to
from ganvas.models import base
from ganvas.models.progressive.config import Config


class Generator(base.SphereGenerator):
    """z -> 4x4 -> ... -> the map of the present stage -> pixels, linear."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape, z_dim=config.z_dim)
        widths = [channels_at(size, config.width) for size in sizes_to(shape.resolution)]
        self.growth = Growth(len(widths))
        self.ascent = Ascent(config.z_dim, shape.num_classes, widths)
        self.to_rgb = nn.ModuleList([EqualizedConv2d(width, shape.channels, 1) for width in widths])

    def from_sphere(
        self, z: Float[Tensor, "b z"], label: Classes | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Return images nominally in [-1, 1], not clamped."""
        stage = self.growth.stage
        maps = self.ascent(z, label, last=stage)
        images: Tensor = self.to_rgb[stage](maps[-1])
        if self.growth.is_fading:
            before = self.to_rgb[stage - 1](maps[-2])
            images = self.growth.blend(enlarge(before, 2), images)
        return enlarge(images, self.size[0] // images.shape[-1])


class Discriminator(base.Discriminator):
    """Pixels at the size of the present stage -> ... -> 4x4 -> features -> logit."""

    def __init__(self, config: Config, shape: base.Shape) -> None:
        super().__init__(shape)
        sizes = sizes_to(shape.resolution)
        width = {size: channels_at(size, config.width) for size in sizes}
        self.growth = Growth(len(sizes))
        self.from_rgb, self.halvings = nn.ModuleDict(), nn.ModuleDict()
        for size in reversed(sizes):
            self.from_rgb[str(size)] = bent(shape.seen_channels, width[size], 1)
        for size in sizes[:0:-1]:
            self.halvings[str(size)] = halving(width[size], width[size], width[size // 2])
        self.summary = summary(width[4], width[4])
        self.head = ProjectionHead(width[4], shape.num_classes, equalized=True)

    def features(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Return the fully connected layer on the 4x4 map."""
        size = 4 << self.growth.stage
        images = shrink(images, self.size[0] // size)
        maps: Tensor = self.from_rgb[str(size)](images)
        for larger in sizes_to(size)[:0:-1]:
            maps = self.halvings[str(larger)](maps)
            if larger == size and self.growth.is_fading:
                before = self.from_rgb[str(size // 2)](shrink(images, 2))
                maps = self.growth.blend(before, maps)
        features: Tensor = self.summary(maps)
        return features
