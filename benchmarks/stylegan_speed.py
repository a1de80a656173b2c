"""StyleGAN2's training step: one weight for the batch against weights for each sample; JSON lines.

Ours scales the features before and after an ordinary convolution. The other form, in which the
paper writes it and which is common in code, makes weights for each sample and convolves in as many
groups; here it is put into the same networks. Both take the same steps in turns, so that a change
of the machine's speed meets both; ratios are medians over the blocks, above 1 where ours is faster.

    python benchmarks/stylegan_speed.py --resolution 64
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import torch
from cells import record
from torch import Tensor
from torch.nn import functional as F
from tutorial_mlp import Pictures

from ganvas.core.config import merge
from ganvas.core.device import choose_precision, keep_freed_memory
from ganvas.data.config import DataConfig
from ganvas.layers.modulated import ModulatedConv2d
from ganvas.layers.resample import fir
from ganvas.training import presets
from ganvas.training.config import TrainConfig
from ganvas.training.loop import train_steps

RESULTS = Path(__file__).parent / "results" / "stylegan_speed.jsonl"


def grouped(self: ModulatedConv2d, features: Tensor, styles: Tensor) -> Tensor:
    """Convolve with weights for each sample, not yet demodulated."""
    b, i, h, w = features.shape
    o, _, k, _ = self.weight.shape
    weight = self.scale * self.weight * styles[:, None, :, None, None]
    joined = features.reshape(1, b * i, h, w)
    if self.up:
        weight = (4 * weight).transpose(1, 2).reshape(b * i, o, k, k)
        out = F.conv_transpose2d(joined, weight, stride=2, groups=b)
        return fir(out.view(b, o, *out.shape[2:]), padding=1)
    return F.conv2d(joined, weight.view(b * o, i, k, k), padding=k // 2, groups=b).view(b, o, h, w)


@contextmanager
def form(name: str) -> Iterator[None]:
    if name == "grouped":
        with mock.patch.object(ModulatedConv2d, "forward", grouped):
            yield
    else:
        yield


def measure(resolution: int, precision: str, path_length: float, blocks: int, steps: int) -> None:
    data = DataConfig(resolution=resolution)
    settings = presets.stylegan2("memory", data).to_dict()
    changes = {"kimg": 1e9, "minutes": None, "device": "cpu", "precision": precision}
    changes["styles"] = {"path_length": path_length, "mixing": 0.9}
    config = TrainConfig.from_dict(merge(settings, changes))
    running = {name: train_steps(config, Pictures(resolution, 3)) for name in ("shared", "grouped")}
    seconds: dict[str, list[float]] = {name: [] for name in running}
    for block in range(blocks + 1):
        for name, iterator in running.items():
            with form(name):
                start = time.perf_counter()
                for _ in range(steps):
                    next(iterator)
                if block:
                    seconds[name].append((time.perf_counter() - start) / steps)
    pairs = zip(seconds["grouped"], seconds["shared"], strict=True)
    line = {
        "benchmark": "stylegan_speed",
        "resolution": resolution,
        "precision": precision,
        "path_length": path_length,
        "threads": torch.get_num_threads(),
        "shared_images_per_second": config.batch_size / statistics.median(seconds["shared"]),
        "grouped_images_per_second": config.batch_size / statistics.median(seconds["grouped"]),
        "modulation_ratio": statistics.median(theirs / ours for theirs, ours in pairs),
    }
    record({k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()}, RESULTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--path-length", type=float, default=0.0)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--steps", type=int, default=16)
    given = parser.parse_args()
    keep_freed_memory()
    for precision in dict.fromkeys(("fp32", choose_precision(torch.device("cpu")))):
        measure(given.resolution, precision, given.path_length, given.blocks, given.steps)


if __name__ == "__main__":
    main()
