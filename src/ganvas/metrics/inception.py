"""Inception v3 (1512.00567) in the variant that the FID of papers is made with, from a file."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.core.errors import ConfigError

FILE: Final = "pt_inception-2015-12-05-6726825d.pth"
SHA256: Final = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""Of that file: TensorFlow's network of 2015, as pytorch-fid publishes it."""
INPUT_PX: Final = 299

_Pool = Callable[[Tensor], Tensor]
_mean: _Pool = functools.partial(
    F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False
)
_most: _Pool = functools.partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
_halve: _Pool = functools.partial(F.max_pool2d, kernel_size=3, stride=2)

# A line a branch, its convolutions one after the other: name in the file, channels, kernel.
_SQUARES: Final = """
branch1x1 64 1x1
branch5x5_1 48 1x1, branch5x5_2 64 5x5
branch3x3dbl_1 64 1x1, branch3x3dbl_2 96 3x3, branch3x3dbl_3 96 3x3
branch_pool {} 1x1"""
_LINES: Final = """
branch1x1 192 1x1
branch7x7_1 {0} 1x1, branch7x7_2 {0} 1x7, branch7x7_3 192 7x1
branch7x7dbl_1 {0} 1x1, branch7x7dbl_2 {0} 7x1, branch7x7dbl_3 {0} 1x7, branch7x7dbl_4 {0} 7x1, \
branch7x7dbl_5 192 1x7
branch_pool 192 1x1"""
_FORKS: Final = """
branch1x1 320 1x1
branch3x3_1 384 1x1, branch3x3_2a 384 1x3
branch3x3_1 384 1x1, branch3x3_2b 384 3x1
branch3x3dbl_1 448 1x1, branch3x3dbl_2 384 3x3, branch3x3dbl_3a 384 1x3
branch3x3dbl_1 448 1x1, branch3x3dbl_2 384 3x3, branch3x3dbl_3b 384 3x1
branch_pool 192 1x1"""
_HALF_35: Final = """
branch3x3 384 3x3
branch3x3dbl_1 64 1x1, branch3x3dbl_2 96 3x3, branch3x3dbl_3 96 3x3"""
_HALF_17: Final = """
branch3x3_1 192 1x1, branch3x3_2 320 3x3
branch7x7x3_1 192 1x1, branch7x7x3_2 192 1x7, branch7x7x3_3 192 7x1, branch7x7x3_4 192 3x3"""
# FID's network differs from later ones in its pools: means leave the border out, and the last
# one is a maximum.
_BLOCKS: Final = {
    "Mixed_5b": (_mean, _SQUARES.format(32)),
    "Mixed_5c": (_mean, _SQUARES.format(64)),
    "Mixed_5d": (_mean, _SQUARES.format(64)),
    "Mixed_6a": (_halve, _HALF_35),
    "Mixed_6b": (_mean, _LINES.format(128)),
    "Mixed_6c": (_mean, _LINES.format(160)),
    "Mixed_6d": (_mean, _LINES.format(160)),
    "Mixed_6e": (_mean, _LINES.format(192)),
    "Mixed_7a": (_halve, _HALF_17),
    "Mixed_7b": (_mean, _FORKS),
    "Mixed_7c": (_most, _FORKS),
}


class Convolution(nn.Module):
    """A convolution without bias, BatchNorm and ReLU, from a description like "64 5x5"."""

    def __init__(self, before: int, description: str, *, stride: int = 1, pad: bool) -> None:
        super().__init__()
        width, height, breadth = map(int, description.replace("x", " ").split())
        padding = (height // 2, breadth // 2) if pad else (0, 0)
        self.conv = nn.Conv2d(before, width, (height, breadth), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(width, eps=1e-3)

    def forward(self, hidden: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        normalized: Tensor = self.bn(self.conv(hidden))
        return F.relu(normalized)


class Mixed(nn.Module):
    """Branches of convolutions side by side, their channels joined; the last one follows a pool.

    A pool that halves is a branch by itself, and the last steps of the others halve as well.
    Branches may share their first steps, which are computed twice then: 3 % more work, and no
    forks to describe.
    """

    def __init__(self, before: int, pool: _Pool, table: str) -> None:
        super().__init__()
        self.pool = pool
        self.branches: list[list[str]] = []
        self.width = before if pool is _halve else 0
        for line in table.split("\n")[1:]:
            steps, width = dict(step.split(" ", 1) for step in line.split(", ")), before
            for place, (name, description) in enumerate(steps.items(), start=1):
                stride = 2 if pool is _halve and place == len(steps) else 1
                step = Convolution(width, description, stride=stride, pad=stride == 1)
                self.add_module(name, step)
                width = step.conv.out_channels
            self.width += width
            self.branches.append(list(steps))
        if pool is _halve:
            self.branches.append([])

    def forward(self, hidden: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        starts = [hidden] * (len(self.branches) - 1) + [self.pool(hidden)]
        ends = []
        for branch, end in zip(self.branches, starts, strict=True):
            for name in branch:
                end = self.get_submodule(name)(end)
            ends.append(end)
        return torch.cat(ends, dim=1)


class Inception(nn.Module):
    """The network as far as its last mean; parameters are named as in torchvision and `FILE`."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, "32 3x3", stride=2, pad=False)
        self.Conv2d_2a_3x3 = Convolution(32, "32 3x3", pad=False)
        self.Conv2d_2b_3x3 = Convolution(32, "64 3x3", pad=True)
        self.Conv2d_3b_1x1 = Convolution(64, "80 1x1", pad=False)
        self.Conv2d_4a_3x3 = Convolution(80, "192 3x3", pad=False)
        width = 192
        for name, (pool, table) in _BLOCKS.items():
            block = Mixed(width, pool, table)
            self.add_module(name, block)
            width = block.width

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 2048"]:
        """Return the vectors of pictures in [-1, 1] of any size; grey ones count as colour.

        They are brought to 299 px as pytorch-fid does, larger ones with antialiasing besides.
        """
        size = (INPUT_PX, INPUT_PX)
        images = images.expand(-1, 3, -1, -1)
        hidden = F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
        for name, layer in self.named_children():
            hidden = layer(hidden)
            if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3"):
                hidden = _halve(hidden)
        return hidden.mean(dim=(2, 3))


def load_inception(path: Path, device: torch.device | str = "cpu") -> Inception:
    """Return the network with the weights of `FILE`, frozen.

    Raises ConfigError for any other file: with other weights the number would not be FID.
    """
    if not path.is_file():
        raise ConfigError(f"there is no file {path}: FID needs {FILE}, which pytorch-fid publishes")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise ConfigError(
            f"{path} is not {FILE}: its SHA-256 begins with {digest[:8]}, not with {SHA256[:8]}"
        )
    weights = torch.load(path, map_location="cpu", weights_only=True)
    with torch.device("meta"):
        network = Inception()
    kept = {name: weight for name, weight in weights.items() if not name.startswith("fc.")}
    network.load_state_dict(kept, assign=True)
    return network.to(device).requires_grad_(False).eval()
