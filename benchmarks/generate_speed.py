"""Pictures made a second with a DCGAN generator at 64 px; ratios above 1 are wins.

    python benchmarks/generate_speed.py

Theirs is the tutorial's generator as it is, in eval mode and fp32. Ours has the same layers, its
BatchNorm folded away as in `load_generator(fast=True)`, channels_last, in fp32 and, where the
machine is good at it, in bf16. Blocks are interleaved; each ratio is the median over the blocks.
"""

import argparse
import statistics
from collections.abc import Iterator
from pathlib import Path

import torch
from cells import record
from torch import Tensor, nn
from train_speed import seconds_a_step
from tutorial_dcgan import Z_DIM, build_generator, init_weights

from ganvas.core.device import Numerics, choose_device, choose_precision
from ganvas.latent.fold import compute_in_bf16, fold_batch_norm
from ganvas.models import registry

RESULTS = Path(__file__).parent / "results" / "generate_speed.jsonl"
RESOLUTION = 64


def their_pictures(device: torch.device, batch_size: int) -> Iterator[Tensor]:
    """Call the tutorial's generator, for ever."""
    G = build_generator(RESOLUTION, 3).apply(init_weights).to(device).eval()
    while True:
        with torch.no_grad():
            images = G(torch.randn(batch_size, Z_DIM, 1, 1, device=device))
        yield finished(images)


def our_pictures(device: torch.device, batch_size: int, dtype: torch.dtype) -> Iterator[Tensor]:
    """Call the same network without BatchNorm, for ever."""
    G: nn.Module = fold_batch_norm(
        registry.build(registry.parse({"arch": "dcgan"}), channels=3, resolution=RESOLUTION)[0]
    )
    if dtype == torch.bfloat16:
        compute_in_bf16(G)
    Numerics(device, "fp32").place(G)
    while True:
        with torch.inference_mode():
            images = G(torch.randn(batch_size, Z_DIM, device=device))
        yield finished(images)


def finished(images: Tensor) -> Tensor:
    """Wait until a GPU has made them."""
    if images.is_cuda:
        torch.cuda.synchronize()
    return images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--batches", type=int, default=5, help="in a block")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    device = choose_device()
    contenders = {
        "theirs": their_pictures(device, given.batch_size),
        "ours_fp32": our_pictures(device, given.batch_size, torch.float32),
    }
    if choose_precision(device) == "bf16":
        contenders["ours_bf16"] = our_pictures(device, given.batch_size, torch.bfloat16)
    for pictures in contenders.values():
        seconds_a_step(pictures, 2)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(given.blocks):
        for name, pictures in contenders.items():
            seconds[name].append(seconds_a_step(pictures, given.batches))
    line: dict[str, object] = {"benchmark": "generate_speed", "case": "generate"}
    line |= {"batch_size": given.batch_size, "device": str(device)}
    line |= {"threads": torch.get_num_threads(), "torch": torch.__version__}
    for name, times in seconds.items():
        line[f"{name}_images_per_second"] = round(given.batch_size / statistics.median(times), 1)
        if name != "theirs":
            pairs = zip(seconds["theirs"], times, strict=True)
            line[f"generate_{name}_ratio"] = round(statistics.median(a / b for a, b in pairs), 3)
    record(line, given.results)


if __name__ == "__main__":
    main()
