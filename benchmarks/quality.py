"""Default settings against the tutorial's DCGAN: same pictures, same minutes, same score.

    taskset -c 0 python benchmarks/quality.py pictures/*.zip --minutes 20 --seeds 0 1
    python benchmarks/quality.py --minutes 20 --table

One JSON line a cell is appended to results/quality.jsonl, and a grid of 64 pictures that nobody
chose is written beside it; cells that stand there are skipped. Nothing else should run meanwhile.
"""

import argparse
import itertools
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

import torch
from cells import missing, read, record
from scoring import Sample, keep_grid, sampler, score
from torch import Tensor
from tutorial_dcgan import Z_DIM, tutorial_steps

import ganvas
from ganvas.data.config import DataConfig
from ganvas.data.inspect import inspect
from ganvas.data.store import Store, prepare

RESULTS = Path(__file__).parent / "results"


def train_ganvas(path: str, _store: Store, minutes: float, seed: int) -> tuple[Sample, dict]:
    """The command a user types, with nothing set but the minutes."""
    with tempfile.TemporaryDirectory() as root:
        start = time.monotonic()
        run = ganvas.train(path, runs=root, minutes=minutes, seed=seed)
        seconds = time.monotonic() - start
        G = ganvas.load_generator(run.path)
        nimg = run.stats()[-1]["nimg"]
    return sampler(G), {"seconds": round(seconds, 1), "kimg": nimg / 1000}


def train_tutorial(_path: str, store: Store, minutes: float, seed: int) -> tuple[Sample, dict]:
    """The tutorial's loop; like its author it generates in training mode."""
    images = torch.tensor(store.images).permute(0, 3, 1, 2).contiguous()
    start = time.monotonic()
    in_time = itertools.takewhile(
        lambda _: time.monotonic() - start < 60 * minutes,
        enumerate(tutorial_steps(images, seed=seed), start=1),
    )
    number, (G, _, _) = deque(in_time, maxlen=1)[0]
    seconds = time.monotonic() - start
    torch.manual_seed(seed)

    @torch.no_grad()
    def made(num: int) -> Tensor:
        return G(torch.randn(64, Z_DIM, 1, 1))[:num]

    return made, {"seconds": round(seconds, 1), "kimg": number * 64 / 1000}


RECIPES = {"ganvas": train_ganvas, "tutorial": train_tutorial}


def measure(path: str, recipe: str, minutes: float, seed: int) -> dict[str, Any]:
    """Train one cell, score it and keep its grid."""
    found = inspect(path)
    store = prepare(path, DataConfig(resolution=found.resolution, channels=found.channels))
    made, facts = RECIPES[recipe](path, store, minutes, seed)
    name = keep_grid(made, RESULTS / "quality" / f"{Path(path).stem}-{recipe}-{seed}.jpg")
    return facts | score(made, store) | {"grid": name}


def table(minutes: float) -> None:
    """Print the cells of one length in Markdown."""
    print("| set | seed | recipe | thousand pictures | kid_vgg19 | floor | fd_vgg19 |")
    print("|---" * 7 + "|")
    lines = [line for line in read(RESULTS / "quality.jsonl") if line["minutes"] == minutes]
    for line in sorted(lines, key=lambda line: (line["set"], line["seed"], line["recipe"])):
        kid, spread, floor, fd = (
            line[f"metric/{name}_vgg19{end}"]
            for name, end in (("kid", ""), ("kid", "_std"), ("kid", "_floor"), ("fd", ""))
        )
        print(
            f"| {line['set']} | {line['seed']} | {line['recipe']} | {line['kimg']:.0f} "
            f"| {kid:.2f} ± {spread:.2f} | {floor:.2f} | {fd:.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table:
        table(given.minutes)
        return
    paths = {Path(path).stem: path for path in given.images}
    cells = [
        {"set": name, "recipe": recipe, "minutes": given.minutes, "seed": seed}
        for seed in given.seeds
        for name in paths
        for recipe in given.recipes
    ]
    for cell in missing(cells, RESULTS / "quality.jsonl"):
        found = measure(paths[cell["set"]], cell["recipe"], cell["minutes"], cell["seed"])
        record(cell | found, RESULTS / "quality.jsonl")


if __name__ == "__main__":
    main()
