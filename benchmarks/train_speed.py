"""Pictures trained a second, against the loops people copy; JSON lines, ratios above 1 are wins.

dcgan: the tutorial's loop against ours with the same network, loss, optimiser and batch; ours
also keeps the average generator. mlp: the lesson's loop, reading with a DataLoader that turns
PIL pictures into tensors one by one, against ours. Each contender has a process of its own, as it
has in life: ours tells the allocator to keep freed memory, which would speed up theirs too. Blocks
are interleaved, so that a change of the machine's speed meets all; each ratio is the median over
the blocks.

    python benchmarks/train_speed.py --cases dcgan mlp --resolution 64
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from cells import record
from torch.nn import functional as F
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
RESULTS = Path(__file__).parent / "results" / "train_speed.jsonl"
SPAWN = multiprocessing.get_context("spawn")
SIZES = {
    "dcgan": lambda resolution: (resolution, 3, presets.dcgan),
    "mlp": lambda _resolution: (28, 1, presets.lesson),
}
STEPS = {"dcgan": 4, "mlp": 16}
"""In a block."""


def our_steps(config: TrainConfig, pictures: Pictures, precision: str) -> Iterator[object]:
    """The preset as users get it, without an end."""
    endless = replace(config, kimg=1e9, minutes=None, device="cpu", precision=precision)
    return train_steps(endless, pictures)


def seconds_a_step(steps: Iterator[object], num: int) -> float:
    start = time.perf_counter()
    for _ in range(num):
        next(steps)
    return (time.perf_counter() - start) / num


def contender(case: str, name: str, resolution: int, pipe: Connection) -> None:
    """Run in a process: time as many steps as the pipe asks for, again and again."""
    size, channels, preset = SIZES[case](resolution)
    pictures = Pictures(size, channels)
    config = preset("memory", DataConfig(resolution=size, channels=channels))
    if name != "theirs":
        steps = our_steps(config, pictures, name.removeprefix("ours_"))
    elif case == "dcgan":
        steps = tutorial_steps(torch.from_numpy(pictures.pixels).permute(0, 3, 1, 2).contiguous())
    else:
        steps = lesson_steps(pictures, config.batch_size)
    with FlopCounterMode(display=False) as counter:
        next(steps)
    seconds_a_step(steps, 2)
    pipe.send((counter.get_total_flops() / 1e9, config.batch_size))
    while num := pipe.recv():
        pipe.send(seconds_a_step(steps, num))


def matmul_gflops(dtype: torch.dtype, size: int = 2048, repeats: int = 5) -> float:
    """The most this processor does: a large product, best of a few."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    # Also written as a 1x1 convolution: torch has two libraries, either of which may be slow here.
    pixels, weight = (
        matrix.T.reshape(shape).contiguous(memory_format=torch.channels_last)
        for matrix, shape in ((a, (1, size, -1, 64)), (b, (size, size, 1, 1)))
    )
    products = (lambda: a @ b, lambda: F.conv2d(pixels, weight))
    best = min(seconds_a_step(iter(p, None), 1) for p in products for _ in range(repeats))
    return 2 * size**3 / best / 1e9


def compare(case: str, names: Sequence[str], resolution: int) -> None:
    """Print one line: speeds, ratios to the first contender, and shares of the peak."""
    pipes = {}
    for name in names:
        pipes[name], other = SPAWN.Pipe()
        arguments = (case, name, resolution, other)
        SPAWN.Process(target=contender, args=arguments, daemon=True).start()
        gflop, batch_size = pipes[name].recv()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    dtypes = {name: torch.bfloat16 if name == "ours_bf16" else torch.float32 for name in names}
    peaks: dict[torch.dtype, list[float]] = {dtype: [] for dtype in dtypes.values()}
    for _ in range(BLOCKS):
        for dtype, measured in peaks.items():
            measured.append(matmul_gflops(dtype))
        for name, pipe in pipes.items():
            pipe.send(STEPS[case])
            seconds[name].append(pipe.recv())
    for pipe in pipes.values():
        pipe.send(0)
    line: dict[str, object] = {"benchmark": "train_speed", "case": case, "gflop_a_step": gflop}
    line["threads"] = torch.get_num_threads()
    for name, times in seconds.items():
        median = statistics.median(times)
        line[f"{name}_images_per_second"] = batch_size / median
        line[f"{name}_share_of_peak"] = gflop / median / statistics.median(peaks[dtypes[name]])
        if name != names[0]:
            pairs = zip(seconds[names[0]], times, strict=True)
            line[f"{case}_{name}_ratio"] = statistics.median(
                theirs / ours for theirs, ours in pairs
            )
    rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()}
    record(rounded, RESULTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=tuple(SIZES), default=tuple(SIZES))
    parser.add_argument("--resolution", type=int, choices=(32, 64), default=64)
    given = parser.parse_args()
    names = ["theirs", "ours_fp32"]
    if choose_precision(torch.device("cpu")) == "bf16":
        names.append("ours_bf16")
    for case in given.cases:
        compare(case, names, given.resolution)


if __name__ == "__main__":
    main()
