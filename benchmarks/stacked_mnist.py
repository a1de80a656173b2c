"""Stacked MNIST: how many of 1,000 modes a GAN finds (VEEGAN's and PacGAN's protocol).

    python benchmarks/stacked_mnist.py mnist.zip --recipes default --seeds 0 1 2 --minutes 60

A picture has a digit in each of its three channels: 1,000 modes. 128,000 of them at 32 px train a
GAN through the whole tool. 26,000 generated pictures are read, channel by channel, by a classifier
that this script trains on four fifths of the digits and tests on the rest. One JSON line a cell is
appended to results/stacked_mnist.jsonl; cells that stand there are skipped. --table prints them.
"""

import argparse
import itertools
import math
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cells import missing, read, record
from PIL import Image
from scoring import keep_grid, sampler
from torch import Tensor, nn
from torch.nn import functional as F

import ganvas
from ganvas.core import pixels
from ganvas.core.config import merge
from ganvas.core.seeds import numpy_rng
from ganvas.data.config import DataConfig
from ganvas.data.store import prepare
from ganvas.models.base import Generator
from ganvas.training.loop import sample

RESULTS = Path(__file__).parent / "results"
PICTURES = 128_000
SAMPLES = 26_000
SIDE = 32
EPOCHS = 16
DCGAN = {"preset": "dcgan", "guard": "off"}
RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "unguarded": {"guard": "off"},
    "bce": DCGAN,
    "bce-packed": merge(DCGAN, {"cure": {"pack": 2}}),
}


def classifier() -> nn.Sequential:
    """Three normalised convolutions and a linear layer for a digit of 32 px."""
    layers: list[nn.Module] = []
    for wide, narrow in ((32, 1), (64, 32), (128, 64)):
        convolution = nn.Conv2d(narrow, wide, 3, padding=1)
        layers += [convolution, nn.BatchNorm2d(wide), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Dropout(0.5), nn.Linear(128 * (SIDE // 8) ** 2, 10)
    )


def digits(path: str) -> tuple[np.ndarray, np.ndarray]:
    """All digits, uint8 [n 32 32], with a frame of two black pixels, and what they are."""
    data = DataConfig(resolution=SIDE, channels=1, classes="folders", fit="pad")
    store = prepare(path, data)
    images, labels = store.batch(np.arange(len(store)))
    assert labels is not None
    return images[..., 0], labels


def trained_classifier(images: np.ndarray, labels: np.ndarray) -> tuple[nn.Module, float]:
    """Learn four fifths of the digits, each a little bent; return it with its held-out accuracy."""
    torch.manual_seed(0)
    order = numpy_rng(0, "classifier").permutation(len(images))
    learned, held_out = np.split(order, [len(order) * 4 // 5])
    floats = torch.from_numpy(images).float()[:, None] / 127.5 - 1
    answers = torch.from_numpy(labels)
    network = classifier()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    steps = EPOCHS * (len(learned) // 100)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    for _ in range(EPOCHS):
        for chosen in torch.from_numpy(learned)[torch.randperm(len(learned))].split(100):
            optimizer.zero_grad()
            given = network(bent(floats[chosen]))
            F.cross_entropy(given, answers[chosen], label_smoothing=0.05).backward()
            optimizer.step()
            schedule.step()
    network.eval()
    return network, float((_read(network, floats[held_out]) == answers[held_out]).float().mean())


def bent(digits: Tensor) -> Tensor:
    """Turn, scale, slant and shift each digit [b 1 h w] by random small amounts."""
    num = len(digits)
    angle = (torch.rand(num) - 0.5) * math.radians(24)
    scale = 1 + (torch.rand(num) - 0.5) * 0.2
    slant = (torch.rand(num) - 0.5) * 0.3
    cos, sin = scale * angle.cos(), scale * angle.sin()
    matrix = torch.stack([torch.stack([cos, slant - sin], 1), torch.stack([sin, cos], 1)], 1)
    shift = (torch.rand(num, 2, 1) - 0.5) * 0.25
    grid = F.affine_grid(torch.cat([matrix, shift], 2), list(digits.shape), align_corners=False)
    # Outside of a digit is black, which is -1.
    return F.grid_sample(digits + 1, grid, align_corners=False) - 1


def stack(images: np.ndarray, folder: Path) -> Path:
    """Write a zip of pictures with three digits each, drawn at random."""
    path = folder / "stacked.zip"
    chosen = numpy_rng(0, "stacked").integers(len(images), size=(PICTURES, 3))
    with zipfile.ZipFile(path, "w") as archive:
        for number, triple in enumerate(chosen):
            with archive.open(f"{number:06}.png", "w") as file:
                Image.fromarray(images[triple].transpose(1, 2, 0)).save(file, "PNG")
    return path


def score(G: Generator, network: nn.Module) -> dict[str, float]:
    """Modes found among the samples, and the KL divergence of their shares from equal ones."""
    found = []
    for start in range(0, SAMPLES, 500):
        made = pixels.from_uint8(pixels.to_uint8(sample(G, range(start, start + 500))))
        read = [_read(network, made[:, channel, None]) for channel in range(3)]
        found.append(read[0] * 100 + read[1] * 10 + read[2])
    shares = torch.cat(found).bincount(minlength=1000).double() / SAMPLES
    seen = shares[shares > 0]
    return {"modes": len(seen), "kl": float((seen * (seen * 1000).log()).sum())}


def measure(path: Path, cell: dict[str, Any], network: nn.Module) -> dict[str, Any]:
    """Train one cell with the command a user types, and count."""
    settings = merge(RECIPES[cell["recipe"]], {"minutes": cell["minutes"], "seed": cell["seed"]})
    with tempfile.TemporaryDirectory() as root:
        run = ganvas.train(str(path), runs=root, new=True, **settings)
        G = ganvas.load_generator(run.path)
        last = run.stats()[-1]
        acted = [event for event in run.events() if event.get("kind") in ("act", "rollback")]
    name = f"{cell['recipe']}-{cell['seed']}.jpg"
    name = keep_grid(sampler(G), RESULTS / "stacked_mnist" / name)
    parameters = sum(parameter.numel() for parameter in G.parameters())
    facts = {"seconds": last["seconds"], "kimg": last["nimg"] / 1000, "parameters_g": parameters}
    facts |= {"threads": torch.get_num_threads(), "guard_actions": len(acted), "grid": name}
    return score(G, network) | facts


def table() -> None:
    """Print a Markdown row for each cell."""
    print("| recipe, seed | minutes | thousand pictures | modes | KL |\n|---|---|---|---|---|")
    lines = read(RESULTS / "stacked_mnist.jsonl")
    for line in sorted(lines, key=lambda line: (list(RECIPES).index(line["recipe"]), line["seed"])):
        name, length = f"{line['recipe']}, {line['seed']}", f"{line['minutes']:g}"
        found = f"{line['modes']:,} | {line['kl']:.3f}"
        print(f"| {name} | {length} | {line['kimg']:,.0f} | {found} |")


@torch.no_grad()
def _read(network: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([network(part).argmax(1) for part in images.split(1000)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("digits", nargs="?")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table or given.digits is None:
        table()
        return
    cells = [
        {"recipe": recipe, "seed": seed, "minutes": given.minutes}
        for seed, recipe in itertools.product(given.seeds, given.recipes)
    ]
    todo = list(missing(cells, RESULTS / "stacked_mnist.jsonl"))
    if not todo:
        return
    images, labels = digits(given.digits)
    network, accuracy = trained_classifier(images, labels)
    print(f"classifier: {accuracy:.4f} of the held-out digits", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = stack(images, Path(folder))
        for cell in todo:
            found = measure(path, cell, network)
            line = cell | found | {"classifier": round(accuracy, 4)}
            record(line, RESULTS / "stacked_mnist.jsonl")


if __name__ == "__main__":
    main()
