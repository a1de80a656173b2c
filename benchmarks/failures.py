"""Forced failures and healthy runs: what the guard says, how soon, and what the run ends with.

    taskset -c 0 python benchmarks/failures.py signdigits64.zip --minutes 3
    taskset -c 0 python benchmarks/failures.py --table

Every failure is made on purpose with the settings of a user's mistake, or with faulty pictures, and
trained with the guard acting; `healthy` runs are the default as it is. One JSON line a cell is
appended to results/failures.jsonl; cells that stand there are skipped.
"""

import argparse
import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from cells import missing, processor, read, record
from PIL import Image
from scoring import outcome

import ganvas
from ganvas.core.config import merge
from ganvas.core.errors import GanvasError
from ganvas.core.seeds import numpy_rng
from ganvas.data.config import DataConfig
from ganvas.data.store import Store, prepare
from ganvas.losses import adversarial
from ganvas.training import presets
from ganvas.training.advice import on_settings
from ganvas.training.config import TrainConfig

RESULTS = Path(__file__).parent / "results"
RESOLUTION = 32
RATE, WIDTH = 2e-3, 24
NO_PENALTY = {"penalties": []}
SETTINGS: dict[str, dict[str, Any]] = {
    "healthy": {},
    "d-rate-x20": {"optim": {"lr_d": 20 * RATE}},
    "d-narrow": {"model": {"width_d": WIDTH // 8}},
    "d-wide": {"model": {"width_d": WIDTH * 8}},
    "no-gamma": {"loss": NO_PENALTY},
    "normal02": {"model": {"init": "normal02"}, "loss": NO_PENALTY},
    "exploding": {"optim": {"lr_g": 200 * RATE, "lr_d": 200 * RATE}},
    "labels-flipped": {},
    "twenty": {"augment": {"operations": [], "p": 0.0}},
    "blank": {},
    "one-picture": {},
}


def blank(_store: Store) -> list[np.ndarray]:
    """Two hundred pictures of one grey, with a little noise so that no two are equal."""
    drawn = numpy_rng(0, "blank")
    size = (200, RESOLUTION, RESOLUTION, 3)
    return list((128 + drawn.integers(-1, 2, size)).astype(np.uint8))


def one_picture(store: Store) -> list[np.ndarray]:
    """One picture two hundred times, with a little noise so that no two are equal."""
    drawn = numpy_rng(0, "one picture")
    first = store.batch(np.array([0]))[0][0].astype(int)
    return [
        (first + drawn.integers(-1, 2, first.shape)).clip(0, 255).astype(np.uint8)
        for _ in range(200)
    ]


def twenty(store: Store) -> list[np.ndarray]:
    """Twenty pictures of the set."""
    return list(store.batch(np.arange(20))[0])


PICTURES: dict[str, Callable[[Store], list[np.ndarray]]] = {
    "blank": blank,
    "one-picture": one_picture,
    "twenty": twenty,
}


@contextlib.contextmanager
def flipped_labels() -> Iterator[None]:
    """D learns to call reals made and fakes real: a slip in somebody's own loop."""
    row = adversarial.ADVERSARIAL["bce"]
    wrong = replace(row, d=lambda real, fake, soft: row.d(fake, real, soft))
    with mock.patch.dict(adversarial.ADVERSARIAL, {"bce": wrong}):
        yield


def measure(path: str, cell: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Train one cell and tell what the guard did and how the pictures are."""
    store = prepare(path, DataConfig(resolution=RESOLUTION, channels=3))
    images: str | Path = path
    if cell["failure"] in PICTURES:
        images = folder / f"{cell['failure']}-{cell['seed']}"
        images.mkdir()
        for number, picture in enumerate(PICTURES[cell["failure"]](store)):
            Image.fromarray(picture).save(images / f"{number:04}.png")
    settings = SETTINGS[cell["failure"]] | {"minutes": cell["minutes"], "seed": cell["seed"]}
    fault = flipped_labels() if cell["failure"] == "labels-flipped" else contextlib.nullcontext()
    found: dict[str, Any] = {"error": None}
    root = folder / f"runs-{cell['failure']}-{cell['seed']}"
    with fault:
        try:
            shape = {"resolution": RESOLUTION, "guard": "act", "preset": "quick"}
            ganvas.train(str(images), runs=root, **shape, **settings)
        except GanvasError as error:
            found["error"] = str(error)
    grid = RESULTS / "failures" / f"{cell['failure']}-{cell['seed']}.jpg"
    return found | outcome(root, store, grid)


def told(failure: str) -> list[str]:
    """What a user reads of the settings before the first step."""
    own = presets.quick("", DataConfig(resolution=RESOLUTION, channels=3)).to_dict()
    return on_settings(TrainConfig.from_dict(merge(own, SETTINGS[failure])))


def table() -> None:
    """Print a Markdown row for each run."""
    lines = read(RESULTS / "failures.jsonl")
    good = {
        machine: statistics.median(
            line["metric/kid_vgg19"]
            for line in lines
            if line["failure"] == "healthy" and line["processor"] == machine
        )
        for machine in {line["processor"] for line in lines}
    }
    print("| failure | thousand pictures | called, after so many | acts, returns | KID / healthy |")
    print("|---|---|---|---|---|")
    for line in sorted(lines, key=lambda c: (list(SETTINGS).index(c["failure"]), c["seed"])):
        first: dict[str, int] = {}
        for nimg, kind, trouble in (event[:3] for event in line["events"]):
            if kind in ("watch", "data", "stop", "rollback"):
                first.setdefault(trouble, nimg)
        called = ["its settings 0"] if told(line["failure"]) else []
        called += [f"{trouble} {nimg:,}" for trouble, nimg in first.items()]
        kinds = [event[1] for event in line["events"]]
        acts = f"{kinds.count('act')}, {kinds.count('rollback')}"
        kid = line.get("metric/kid_vgg19")
        times = "not scored" if kid is None else f"{kid / good[line['processor']]:.2f}"
        end = "stopped" if line["error"] else times
        named = ", ".join(called) or "nothing"
        kimg = f"{line['kimg']:.0f}"
        print(f"| {line['failure']}, {line['seed']} | {kimg} | {named} | {acts} | {end} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="?")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--failures", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table or given.images is None:
        table()
        return
    cells = [
        {
            "failure": name,
            "set": Path(given.images).stem,
            "minutes": given.minutes,
            "seed": seed,
            "threads": torch.get_num_threads(),
        }
        | ({"processor": processor()} if name == "healthy" else {})
        for seed in given.seeds
        for name in given.failures
    ]
    with tempfile.TemporaryDirectory() as folder:
        for cell in missing(cells, RESULTS / "failures.jsonl"):
            record(cell | measure(given.images, cell, Path(folder)), RESULTS / "failures.jsonl")


if __name__ == "__main__":
    main()
