"""Networks named, built and pickled as the official ones are, with the papers' formulas in float64.

1812.04948, 1912.04958 and 2006.06676; the layout of the files is that of `torch_utils.persistence`.
"""

import math
import pickle
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FILTER = torch.tensor([1.0, 3.0, 3.0, 1.0])
FILTER = FILTER[:, None] * FILTER / 64
SOURCE = "raise SystemExit('the source inside of a pickle was executed')"


def _reconstruct_persistent_obj(meta: Any) -> None:
    raise AssertionError("an official pickle was executed")


_reconstruct_persistent_obj.__module__ = "torch_utils.persistence"


class EasyDict(dict):
    """A dict of settings."""


EasyDict.__module__ = "dnnlib.util"


@contextmanager
def official_modules() -> Iterator[None]:
    """Let pickle find what the official files name; afterwards it is gone."""
    modules = {name: types.ModuleType(name) for name in ("torch_utils", "dnnlib")}
    modules["torch_utils.persistence"] = types.ModuleType("torch_utils.persistence")
    modules["dnnlib.util"] = types.ModuleType("dnnlib.util")
    vars(modules["torch_utils.persistence"])[_reconstruct_persistent_obj.__name__] = (
        _reconstruct_persistent_obj
    )
    vars(modules["dnnlib.util"])["EasyDict"] = EasyDict
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]


def write(path: Path, found: Any, protocol: int = 4) -> Path:
    with official_modules():
        path.write_bytes(pickle.dumps(found, protocol))
    return path


class Persistent(nn.Module):
    """A layer that is pickled as its class's name and source, and its attributes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        self._init_args, self._init_kwargs = (), EasyDict(kwargs)

    def __reduce__(self) -> Any:
        meta = {"type": "class", "version": 6, "module_src": SOURCE}
        meta |= {"class_name": type(self).__name__, "state": dict(vars(self))}
        return _reconstruct_persistent_obj, (meta,), None

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__()

    def number(self, name: str, *shape: int, scale: float = 1.0, buffer: bool = False) -> None:
        values = scale * torch.randn(shape)
        if buffer:
            self.register_buffer(name, values)
        else:
            setattr(self, name, nn.Parameter(values))


def lrelu(values: torch.Tensor) -> torch.Tensor:
    return math.sqrt(2) * F.leaky_relu(values, 0.2)


def filtered(images: torch.Tensor, before: int, after: int) -> torch.Tensor:
    padded = F.pad(images, (before, after, before, after))
    kernel = FILTER.to(images).expand(images.shape[1], 1, 4, 4)
    return F.conv2d(padded, kernel, groups=images.shape[1])


def spread_out(images: torch.Tensor, size: int) -> torch.Tensor:
    """Zeros between the pixels, up to `size`."""
    out = images.new_zeros(*images.shape[:2], size, size)
    out[..., ::2, ::2] = images
    return out


class FullyConnectedLayer(Persistent):
    def __init__(self, before: int, after: int, activation: str = "linear", rate: float = 1.0):
        super().__init__(in_features=before, out_features=after)
        self.activation, self.bias_gain = activation, rate
        self.weight_gain = rate / np.sqrt(before)
        self.number("weight", after, before, scale=1 / rate)
        self.number("bias", after, scale=0.3 / rate)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x @ (self.weight * self.weight_gain).T + self.bias * self.bias_gain
        return lrelu(x) if self.activation == "lrelu" else x


class MappingNetwork(Persistent):
    def __init__(self, z_dim: int, c_dim: int, w_dim: int, num_layers: int):
        super().__init__(num_layers=num_layers)
        self.c_dim, self.num_layers, self.w_avg_beta = c_dim, num_layers, 0.995
        if c_dim:
            self.embed = FullyConnectedLayer(c_dim, w_dim)
        for index in range(num_layers):
            before = z_dim + (w_dim if c_dim else 0) if index == 0 else w_dim
            setattr(self, f"fc{index}", FullyConnectedLayer(before, w_dim, "lrelu", 0.01))
        self.number("w_avg", w_dim, buffer=True)

    def forward(self, z: torch.Tensor, c: torch.Tensor | None) -> torch.Tensor:
        parts = [z] if c is None else [z, self.embed(c)]
        x = torch.cat([p / ((p**2).mean(1, keepdim=True) + 1e-8).sqrt() for p in parts], dim=1)
        for index in range(self.num_layers):
            x = getattr(self, f"fc{index}")(x)
        return x


def modulated(x: torch.Tensor, weight: torch.Tensor, styles: torch.Tensor, *, demodulate: bool):
    """Each sample's own weights, as the paper writes them."""
    for sample, style in zip(x, styles, strict=True):
        own = weight * style[:, None, None]
        if demodulate:
            own = own / ((own**2).sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        yield sample[None], own


class SynthesisLayer(Persistent):
    def __init__(self, before: int, after: int, w_dim: int, size: int, up: int):
        super().__init__(up=up)
        self.up, self.activation, self.conv_clamp, self.use_noise = up, "lrelu", 256, True
        self.affine = FullyConnectedLayer(w_dim, before)
        self.number("weight", after, before, 3, 3)
        self.number("noise_const", size, size, buffer=True)
        self.number("noise_strength")
        self.number("bias", after)
        self.register_buffer("resample_filter", FILTER.clone())

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        made = []
        for sample, weight in modulated(x, self.weight, self.affine(w), demodulate=True):
            if self.up == 2:
                wide = spread_out(sample, 2 * sample.shape[-1] - 1)
                # A convolution, not a correlation: the kernel is turned round.
                wide = F.conv2d(wide, weight.flip(2, 3), padding=2)
                made.append(4 * filtered(wide, 1, 1))
            else:
                made.append(F.conv2d(sample, weight, padding=1))
        noisy = torch.cat(made) + self.noise_const * self.noise_strength
        return lrelu(noisy + self.bias[:, None, None])


class ToRGBLayer(Persistent):
    def __init__(self, before: int, channels: int, w_dim: int):
        super().__init__()
        self.affine = FullyConnectedLayer(w_dim, before)
        self.weight_gain = 1 / np.sqrt(before)
        self.number("weight", channels, before, 1, 1)
        self.number("bias", channels)

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        styles = self.affine(w) * self.weight_gain
        parts = modulated(x, self.weight, styles, demodulate=False)
        return torch.cat([F.conv2d(*part) for part in parts]) + self.bias[:, None, None]


class SynthesisBlock(Persistent):
    def __init__(self, before: int, after: int, w_dim: int, size: int, channels: int):
        super().__init__()
        self.architecture, self.use_fp16 = "skip", False
        self.register_buffer("resample_filter", FILTER.clone())
        if before:
            self.conv0 = SynthesisLayer(before, after, w_dim, size, 2)
        else:
            self.number("const", after, size, size)
        self.conv1 = SynthesisLayer(after, after, w_dim, size, 1)
        self.torgb = ToRGBLayer(after, channels, w_dim)


class SynthesisNetwork(Persistent):
    def __init__(self, w_dim: int, resolution: int, channels: int, widths: dict[int, int]):
        super().__init__()
        self.block_resolutions = list(widths)
        for size, width in widths.items():
            block = SynthesisBlock(widths.get(size // 2, 0), width, w_dim, size, channels)
            setattr(self, f"b{size}", block)

    def forward(self, ws: torch.Tensor) -> torch.Tensor:
        """ws: [b n w], a style a convolution and one for the last pixels."""
        styles, images, x = list(ws.unbind(1)), None, None
        for size in self.block_resolutions:
            block = getattr(self, f"b{size}")
            if size == 4:
                x = block.const.expand(len(ws), -1, -1, -1)
            else:
                x = block.conv0(x, styles.pop(0))
            x = block.conv1(x, styles.pop(0))
            detail = block.torgb(x, styles[0])
            if images is not None:
                detail = detail + 4 * filtered(spread_out(images, size), 2, 1)
            images = detail
        return images


class Generator(Persistent):
    def __init__(self, resolution=16, *, channels=3, c_dim=0, layers=3, base=64, most=8):
        super().__init__(z_dim=6, c_dim=c_dim, w_dim=6)
        widths = {size: min(base // size, most) for size in (4, 8, 16, 32) if size <= resolution}
        self.synthesis = SynthesisNetwork(6, resolution, channels, widths)
        self.mapping = MappingNetwork(6, c_dim, 6, layers)
        self.num_ws = 2 * len(widths)

    def forward(self, z: torch.Tensor, c: torch.Tensor | None = None, psi: float = 1.0):
        w = self.mapping.w_avg.lerp(self.mapping(z, c), psi)
        return self.synthesis(w[:, None].repeat(1, self.num_ws, 1))


class Conv2dLayer(Persistent):
    def __init__(self, before, after, kernel, *, activation="linear", bias=True, down=1):
        super().__init__()
        self.activation, self.down, self.kernel = activation, down, kernel
        self.register_buffer("resample_filter", FILTER.clone())
        self.weight_gain = 1 / np.sqrt(before * kernel**2)
        self.number("weight", after, before, kernel, kernel)
        if bias:
            # A frozen layer, as official transfer makes them, keeps its numbers as buffers.
            self.number("bias", after, buffer=kernel == 1)
        else:
            self.bias = None

    def forward(self, x: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
        weight = self.weight * self.weight_gain
        if self.down == 2 and self.kernel == 1:
            x = F.conv2d(filtered(x, 1, 1)[..., ::2, ::2], weight)
        elif self.down == 2:
            x = F.conv2d(filtered(x, 2, 2), weight, stride=2)
        else:
            x = F.conv2d(x, weight, padding=self.kernel // 2)
        if self.bias is not None:
            x = x + self.bias[:, None, None]
        return gain * (lrelu(x) if self.activation == "lrelu" else x)


class DiscriminatorBlock(Persistent):
    def __init__(self, before: int, after: int, size: int, channels: int):
        super().__init__()
        self.architecture = "resnet"
        self.register_buffer("resample_filter", FILTER.clone())
        if channels:
            self.fromrgb = Conv2dLayer(channels, before, 1, activation="lrelu")
        self.conv0 = Conv2dLayer(before, before, 3, activation="lrelu")
        self.conv1 = Conv2dLayer(before, after, 3, activation="lrelu", down=2)
        self.skip = Conv2dLayer(before, after, 1, bias=False, down=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.fromrgb(x) if hasattr(self, "fromrgb") else x
        half = math.sqrt(0.5)
        return self.skip(x, half) + self.conv1(self.conv0(x), half)


class MinibatchStdLayer(Persistent):
    def __init__(self, group: int | None):
        super().__init__()
        self.group_size, self.num_channels = group, 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = min(self.group_size or len(x), len(x))
        groups = len(x) // size
        values = [
            ((x[one::groups] - x[one::groups].mean(0)) ** 2).mean(0).add(1e-8).sqrt().mean()
            for one in range(groups)
        ]
        spread = torch.stack(values).repeat(size)
        return torch.cat([x, spread[:, None, None, None].expand(-1, 1, 4, 4)], 1)


class DiscriminatorEpilogue(Persistent):
    def __init__(self, width: int, group: int | None, out: int):
        super().__init__()
        self.mbstd = None if group == 0 else MinibatchStdLayer(group)
        self.conv = Conv2dLayer(width + (group != 0), width, 3, activation="lrelu")
        self.fc = FullyConnectedLayer(width * 16, width, "lrelu")
        self.out = FullyConnectedLayer(width, out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x if self.mbstd is None else self.mbstd(x)
        return self.out(self.fc(self.conv(x).flatten(1)))


class Discriminator(Persistent):
    def __init__(self, resolution=16, *, channels=3, c_dim=0, group=2, base=64, most=8):
        super().__init__(c_dim=c_dim)
        self.block_resolutions = [s for s in (32, 16, 8) if s <= resolution]
        for size in self.block_resolutions:
            before, after = min(base // size, most), min(base // (size // 2), most)
            seen = channels if size == resolution else 0
            setattr(self, f"b{size}", DiscriminatorBlock(before, after, size, seen))
        if c_dim:
            self.mapping = MappingNetwork(0, c_dim, most, 2)
        self.b4 = DiscriminatorEpilogue(most, group, most if c_dim else 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for size in self.block_resolutions:
            images = getattr(self, f"b{size}")(images)
        return self.b4(images)[:, 0]


def snapshot(**settings: Any) -> dict[str, Any]:
    """What a network-snapshot.pkl holds."""
    torch.manual_seed(4)
    group = settings.pop("group", 2)
    G, G_ema = Generator(**settings), Generator(**settings)
    settings.pop("layers", None)
    D = Discriminator(group=group, **settings)
    about = EasyDict(class_name="training.dataset.ImageFolderDataset", resolution=16, max_size=None)
    return {"G": G, "D": D, "G_ema": G_ema, "augment_pipe": None, "training_set_kwargs": about}
