"""Pictures trained a second, against the loops people copy; JSON lines, ratios above 1 are wins.

dcgan: the tutorial's loop against ours with the same network, loss, optimiser and batch; ours
also keeps the average generator. mlp: the lesson's loop, reading with a DataLoader that turns
PIL pictures into tensors one by one, against ours. Blocks are interleaved, so that a change of
the machine's speed meets all; each ratio is the median over the blocks.

    python benchmarks/train_speed.py --cases dcgan mlp --resolution 64
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator

import torch
from torch.utils.flop_counter import FlopCounterMode
from tutorial_dcgan import tutorial_steps
from tutorial_mlp import Pictures, lesson_steps

from ganvas.core.config import replace
from ganvas.core.device import choose_precision
from ganvas.data.config import DataConfig
from ganvas.training import presets
from ganvas.training.config import TrainConfig
from ganvas.training.loop import train_steps

BLOCKS = 7


def our_steps(config: TrainConfig, pictures: Pictures, precision: str) -> Iterator[object]:
    """The preset as users get it, without an end."""
    endless = replace(config, kimg=1e9, minutes=None, device="cpu", precision=precision)
    return train_steps(endless, pictures)


def seconds_a_step(steps: Iterator[object], num: int) -> float:
    start = time.perf_counter()
    for _ in range(num):
        next(steps)
    return (time.perf_counter() - start) / num


def matmul_gflops(size: int = 2048, repeats: int = 5) -> float:
    """The most this processor does: a large fp32 product, best of a few."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = min(seconds_a_step(iter(lambda: a @ b, None), 1) for _ in range(repeats))
    return 2 * size**3 / best / 1e9


def compare(case: str, contenders: dict[str, Iterator], *, batch_size: int, num: int) -> None:
    """Print one line: speeds, ratios to the first contender, and shares of the peak."""
    with FlopCounterMode(display=False) as counter:
        next(contenders["ours_fp32"])
    gflop = counter.get_total_flops() / 1e9
    for steps in contenders.values():
        seconds_a_step(steps, 2)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    peaks = []
    for _ in range(BLOCKS):
        peaks.append(matmul_gflops(repeats=2))
        for name, steps in contenders.items():
            seconds[name].append(seconds_a_step(steps, num))
    peak = statistics.median(peaks)
    line: dict[str, object] = {"benchmark": "train_speed", "case": case, "gflop_a_step": gflop}
    line |= {"threads": torch.get_num_threads(), "matmul_gflops": peak}
    baseline = next(iter(contenders))
    for name, times in seconds.items():
        median = statistics.median(times)
        line[f"{name}_images_per_second"] = batch_size / median
        line[f"{name}_share_of_peak"] = gflop / median / peak
        if name != baseline:
            pairs = zip(seconds[baseline], times, strict=True)
            line[f"{case}_{name}_ratio"] = statistics.median(
                theirs / ours for theirs, ours in pairs
            )
    rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()}
    print(json.dumps(rounded), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=("dcgan", "mlp"), default=("dcgan", "mlp"))
    parser.add_argument("--resolution", type=int, choices=(32, 64), default=64)
    given = parser.parse_args()
    bf16 = choose_precision(torch.device("cpu")) == "bf16"
    for case in given.cases:
        size, channels, preset, num = (
            (given.resolution, 3, presets.dcgan, 2)
            if case == "dcgan"
            else (28, 1, presets.lesson, 8)
        )
        pictures = Pictures(size, channels)
        config = preset("memory", DataConfig(resolution=size, channels=channels))
        stacked = torch.from_numpy(pictures.pixels).permute(0, 3, 1, 2).contiguous()
        theirs: Iterator[object] = (
            tutorial_steps(stacked)
            if case == "dcgan"
            else lesson_steps(pictures, config.batch_size)
        )
        contenders = {"theirs": theirs, "ours_fp32": our_steps(config, pictures, "fp32")}
        if bf16:
            contenders["ours_bf16"] = our_steps(config, pictures, "bf16")
        compare(case, contenders, batch_size=config.batch_size, num=num)


if __name__ == "__main__":
    main()
