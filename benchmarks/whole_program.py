"""A folder of photos to a trained generator: the DCGAN tutorial's program against `ganvas train`.

    python benchmarks/whole_program.py --photos 4000 --shown 20480

Both are whole programs in a process of their own, from the start of Python to the last step over
the same 256 px JPEGs, with the same layers, loss, optimiser and batch. The tutorial's opens and
resizes every picture each time it is shown, in two worker processes (what ImageFolder, Resize,
CenterCrop, ToTensor and Normalize do), and draws its 64 fixed fakes every 500 steps. Ours looks at
the folder, prepares it, keeps the average generator, writes samples and checkpoints; evaluation,
which the tutorial has none of, is left out unless `--evaluate-images` asks for it.

One JSON line is printed and appended to the results; `whole_program_ratio` above 1 is a win.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cells import record
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tutorial_dcgan import BATCH, Z_DIM, steps_over

from ganvas.core.device import choose_device
from ganvas.training.configure import complete, look
from ganvas.training.events import Started
from ganvas.training.session import session_steps

RESULTS = Path(__file__).parent / "results" / "whole_program.jsonl"
PHOTO_PX = 256
RESOLUTION = 64
WORKERS = 2
DRAW_EVERY = 500


class Photos(Dataset):
    """ImageFolder with the tutorial's four transforms, as torchvision does them."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.rglob("*.jpg"))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        with self.paths[index].open("rb") as file:
            photo = Image.open(file).convert("RGB")
        scale = RESOLUTION / min(photo.size)
        size = (round(photo.width * scale), round(photo.height * scale))
        photo = photo.resize(size, Image.Resampling.BILINEAR)
        left, top = (photo.width - RESOLUTION) // 2, (photo.height - RESOLUTION) // 2
        photo = photo.crop((left, top, left + RESOLUTION, top + RESOLUTION))
        levels = torch.from_numpy(np.array(photo, np.uint8)).permute(2, 0, 1).contiguous()
        return (levels.float().div(255) - 0.5) / 0.5


def train_tutorial(folder: Path, shown: int) -> dict[str, Any]:
    """Run the tutorial's program until `shown` real pictures were used."""
    device = str(choose_device())
    fixed = torch.randn(64, Z_DIM, 1, 1, device=device)
    steps = steps_over(photos(folder, shown), channels=3, resolution=RESOLUTION, device=device)
    for number, (G, _, _) in enumerate(steps):
        if number % DRAW_EVERY == 0:
            with torch.no_grad():
                G(fixed).cpu()
    return {}


def photos(folder: Path, shown: int) -> Iterator[Tensor]:
    """Yield epoch after epoch, shuffled, until `shown` pictures were yielded."""
    loader = DataLoader(Photos(folder), batch_size=BATCH, shuffle=True, num_workers=WORKERS)
    while shown > 0:
        for batch in loader:
            yield batch[:shown]
            shown -= len(batch)
            if shown <= 0:
                return


def train_ganvas(folder: Path, shown: int, evaluate_images: int) -> dict[str, Any]:
    """Do what `ganvas train FOLDER --preset dcgan --resolution 64 --kimg K` does."""
    wanted = {
        "preset": "dcgan",
        "data": {"resolution": RESOLUTION, "channels": 3},
        "kimg": shown / 1000,
        "minutes": None,
        "run": {"evaluate_images": evaluate_images},
    }
    start = time.perf_counter()
    config = complete(str(folder), wanted, look(str(folder), wanted))
    prepared = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as root:
        events = session_steps(config, root=Path(root))
        started = next(event for event in events if isinstance(event, Started))
        deque(events, maxlen=0)
        plan = json.loads((started.run / "environment.json").read_text())["plan"]
    return {"prepare_seconds": prepared, "precision": plan["precision"]}


def make_photos(folder: Path, num: int) -> None:
    """Write JPEGs with a photo's large shapes, softer details and some grain."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(num):
        pixels = np.zeros((PHOTO_PX, PHOTO_PX, 3))
        for cells, strength in ((3, 0.5), (12, 0.3), (64, 0.15), (PHOTO_PX, 0.05)):
            noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
            large = noise.resize((PHOTO_PX, PHOTO_PX), Image.Resampling.BICUBIC)
            pixels += strength * np.asarray(large, np.float64)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{k:06d}.jpg", quality=90)


def timed(program: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run a program in a process of its own, with an empty cache; return its facts and seconds."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, __file__, "--program", program, "--folder", str(folder)]
        command += ["--shown", str(options.shown)]
        command += ["--evaluate-images", str(options.evaluate_images)]
        environment = os.environ | {"GANVAS_CACHE": cache}
        start = time.perf_counter()
        said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        seconds = time.perf_counter() - start
    return json.loads(said.stdout) | {"seconds": seconds}


def compare(options: argparse.Namespace) -> None:
    """Run both in turn and record one line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photos"
        make_photos(folder, options.photos)
        runs = [
            {program: timed(program, folder, options) for program in ("tutorial", "ganvas")}
            for _ in range(options.rounds)
        ]
    theirs, ours = ([run[program] for run in runs] for program in ("tutorial", "ganvas"))
    ratios = [a["seconds"] / b["seconds"] for a, b in zip(theirs, ours, strict=True)]
    line = {
        "benchmark": "whole_program",
        "photos": options.photos,
        "shown": options.shown,
        "rounds": options.rounds,
        "evaluate_images": options.evaluate_images,
        "batch_size": BATCH,
        "device": str(choose_device()),
        "precision": ours[0]["precision"],
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "tutorial_seconds": median(theirs, "seconds"),
        "ganvas_seconds": median(ours, "seconds"),
        "ganvas_prepare_seconds": median(ours, "prepare_seconds"),
        "whole_program_ratio": round(statistics.median(ratios), 3),
    }
    record(line, options.results)


def median(runs: list[dict[str, Any]], key: str) -> float:
    return round(statistics.median(run[key] for run in runs), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=4000)
    parser.add_argument("--shown", type=int, default=20_480)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--evaluate-images", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--program", choices=("tutorial", "ganvas"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.program == "tutorial":
        print(json.dumps(train_tutorial(given.folder, given.shown)))
    elif given.program == "ganvas":
        print(json.dumps(train_ganvas(given.folder, given.shown, given.evaluate_images)))
    else:
        compare(given)


if __name__ == "__main__":
    main()
