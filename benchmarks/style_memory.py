"""Memory that repainting takes at print sizes: the peak above the loaded program, and the estimate.

    python benchmarks/style_memory.py ../photo.jpg ../painting.jpg --sizes 512 1024 2048 4096

Each size has a process of its own and takes a few steps at full size alone; tiles are chosen by the
tool. One JSON line a size; sizes that stand in results/style_memory.jsonl are skipped.
"""

import argparse
import multiprocessing
import resource
import time
from pathlib import Path
from typing import Any

from cells import missing, record

RESULTS = Path(__file__).parent / "results" / "style_memory.jsonl"
STEPS = 2
MIB = 2**20


def measure(photo: str, painting: str, size: int, tile_px: int) -> dict[str, Any]:
    """Repaint at one size and return the peak in MiB; call it in a fresh process."""
    import torch

    from ganvas.features.vgg import load_vgg19
    from ganvas.style.config import complete
    from ganvas.style.inputs import gather
    from ganvas.style.steps import paint_steps, plan

    load_vgg19()
    settings = {"size": size, "coarsest_px": 0, "steps": (STEPS,), "tile_px": tile_px}
    config = complete(settings | {"device": "cpu"})
    todo = plan(gather(photo, painting, (), None), config)
    before = peak_mib()
    start = time.monotonic()
    for report in paint_steps(gather(photo, painting, (), None), config, todo):
        last = report
    return {
        "width": last.width,
        "height": last.height,
        "tile_px_chosen": todo.tile_px,
        "precision": todo.precision,
        "peak_mib": round(peak_mib() - before),
        "estimate_mib": round(todo.needed_bytes / MIB),
        "seconds_a_step": round((time.monotonic() - start) / STEPS, 1),
        "threads": torch.get_num_threads(),
    }


def peak_mib() -> float:
    """The most memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo")
    parser.add_argument("painting")
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024, 2048, 4096])
    parser.add_argument("--tile-px", type=int, default=0, help="0: chosen from free memory")
    given = parser.parse_args()
    cells = [{"size": size, "tile_px": given.tile_px} for size in given.sizes]
    spawn = multiprocessing.get_context("spawn")
    for cell in missing(cells, RESULTS):
        with spawn.Pool(1) as pool:
            arguments = (given.photo, given.painting, cell["size"], cell["tile_px"])
            found = pool.apply(measure, arguments)
        record(cell | found, RESULTS)


if __name__ == "__main__":
    main()
