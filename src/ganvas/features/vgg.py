"""VGG-19 as far as relu5_1: what a picture looks like to a trained eye, layer by layer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.core.errors import ConfigError

Pooling = Literal["max", "average"]

_WIDTHS: Final = (64, 128, 256, 512, 512)
_DEPTHS: Final = (2, 2, 4, 4, 1)
LAYERS: Final = tuple(
    f"relu{block}_{step}"
    for block, depth in enumerate(_DEPTHS, start=1)
    for step in range(1, depth + 1)
)
"""The names of the 13 layers; the picture is halved in front of relu2_1, 3_1, 4_1 and 5_1."""

EMBED_LAYERS: Final = ("relu2_2", "relu3_4", "relu4_4", "relu5_1")
EMBED_PX: Final = (64, 128)
EXTRACTOR: Final = f"vgg19/1 {'+'.join(EMBED_LAYERS)} {EMBED_PX[0]}-{EMBED_PX[1]}px"
"""Names what `embed` computes: numbers made under another name must not be compared."""

WEIGHTS: Final = Path(__file__).with_name("vgg19.safetensors")


class VGG19(nn.Module):
    """Simonyan and Zisserman's network E (1409.1556), the 13 convolutions as far as relu5_1.

    The picture's mean colour is subtracted before the first convolution, not folded into its
    bias: the borders are padded with zeros, which must mean "the mean colour".
    """

    mean: Tensor

    def __init__(self, pooling: Pooling = "max") -> None:
        super().__init__()
        widths = [_WIDTHS[int(name[4]) - 1] for name in LAYERS]
        self.pool = F.max_pool2d if pooling == "max" else F.avg_pool2d
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, width, 3, padding=1)
            for before, width in zip([3, *widths], widths, strict=False)
        )
        self.register_buffer("mean", torch.zeros(3, 1, 1))

    def forward(
        self, images: Float[Tensor, "b c h w"], layers: Sequence[str] = LAYERS
    ) -> dict[str, Float[Tensor, "b _c _h _w"]]:
        """Return the named activations of pictures in [-1, 1]; grey ones count as colour.

        Nothing behind the deepest named layer is computed. ReLU works in place: nobody else
        sees the output of a convolution, and no gradient needs it.
        """
        if unknown := set(layers) - set(LAYERS):
            raise ConfigError(
                f"VGG-19 has no layer {', '.join(sorted(unknown))} here; it has {', '.join(LAYERS)}"
            )
        if images.shape[1] not in (1, 3):
            raise ConfigError(
                f"VGG-19 looks at grey or colour pictures (1 or 3 channels), not {images.shape[1]}"
            )
        features: dict[str, Tensor] = {}
        hidden = images - self.mean
        for name, convolution in zip(LAYERS, self.convolutions, strict=True):
            if len(features) == len(set(layers)):
                break
            if name.endswith("_1") and name != "relu1_1":
                hidden = self.pool(hidden, 2)
            hidden = F.relu_(convolution(hidden))
            if name in layers:
                features[name] = hidden
        return features


def load_vgg19(
    device: torch.device | str = "cpu", *, pooling: Pooling = "max", normalized: bool = True
) -> VGG19:
    """Return the embedded network, frozen, its weights in channels_last memory.

    `normalized` divides every layer by its mean activation on photos (over pictures, channels
    and positions; Gatys et al. did so for every filter), so that all layers weigh alike. ReLU
    lets the factors be folded into the weights: the layers keep what they say, not how loud.
    Averaging pools pass on less than maximum pools, so they have factors of their own.
    """
    packed = load_file(WEIGHTS)
    factors = packed[f"factors.{pooling}"] if normalized else torch.ones(len(LAYERS))
    return unpack(packed, factors, pooling=pooling).to(device)


def unpack(
    packed: Mapping[str, Tensor], factors: Float[Tensor, " n"], *, pooling: Pooling
) -> VGG19:
    """Build the network from 8-bit weights, layer k's activations multiplied by factors[k].

    A weight is `table[index]`; the indices lie in the order out, height, width, in, so that the
    looked-up weights already are in channels_last memory.
    """
    weights = {"mean": packed["mean"]}
    gains = factors / torch.cat([torch.ones(1), factors[:-1]])
    for position, name in enumerate(LAYERS):
        table = packed[f"{name}.table"] * gains[position]
        index = packed[f"{name}.index"]
        weight = table.index_select(0, index.flatten().int()).reshape(index.shape)
        weights[f"convolutions.{position}.weight"] = weight.permute(0, 3, 1, 2)
        weights[f"convolutions.{position}.bias"] = packed[f"{name}.bias"] * factors[position]
    with torch.device("meta"):  # no time is lost on weights that are replaced at once
        vgg = VGG19(pooling)
    vgg.load_state_dict(weights, assign=True)
    return vgg.requires_grad_(False).eval()


def embed(vgg: VGG19, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
    """Return the vector behind `kid_vgg19` and `fd_vgg19`: spatial means of four layers."""
    features = vgg(fitted(images), EMBED_LAYERS)
    return torch.cat([features[name].mean(dim=(2, 3)) for name in EMBED_LAYERS], dim=1)


def fitted(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Bring the short side to between 64 and 128 px.

    Below, the deep layers see next to nothing; above, the time grows with the area. Pictures are
    reduced with antialiasing.
    """
    height, width = images.shape[2:]
    short = min(height, width)
    scale = min(max(short, EMBED_PX[0]), EMBED_PX[1]) / short
    if scale == 1:
        return images
    size = (round(height * scale), round(width * scale))
    return F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=scale < 1)
