"""Known damages: do the scores of real pictures made worse rank as they should?

    python benchmarks/damages.py eurosat.zip          # about ten minutes on one core

Real pictures with classes are parted at random: the same number out of every class to compare
with, as many others in place of a generator's: as they are, then blurred, noisy, compressed, of
some classes only, few of them again and again, or copies, each more and more. One JSON line a
damage is appended to the results; those that stand there are skipped.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cells import missing, record
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ganvas.core import pixels
from ganvas.core.rng import rng
from ganvas.core.seeds import numpy_rng
from ganvas.data.config import DataConfig
from ganvas.data.inspect import inspect
from ganvas.data.store import Store, prepare
from ganvas.features.vgg import VGG19, load_vgg19
from ganvas.metrics.evaluate import METRICS, Sets, compare, look_at, reduced

RESULTS = Path(__file__).parent / "results" / "damages.jsonl"
STRENGTHS = {
    "none": [0],
    "blur": [0.5, 1, 2],
    "noise": [0.05, 0.1, 0.2],
    "jpeg": [75, 40, 10],
    "classes": [5, 2, 1],
    "repeats": [50, 20, 5],
    "copies": [10, 50, 100],
    "mirrored": [100],
}
"""Sigma in pixels; sigma in [-1, 1]; JPEG's quality; classes that are left; different pictures;
percent that are pictures out of those compared with, compressed at 40 or mirrored."""


def blurred(images: Tensor, sigma_px: float) -> Tensor:
    reach = torch.arange(-8, 9)
    kernel = torch.exp(-(reach**2) / (2 * sigma_px**2))
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, 1, -1)
    padded = F.pad(images, (8, 8, 8, 8), mode="replicate")
    groups = images.shape[1]
    return F.conv2d(F.conv2d(padded, kernel, groups=groups), kernel.mT, groups=groups)


def noisy(images: Tensor, sigma: float) -> Tensor:
    return images + sigma * torch.randn(images.shape, generator=rng(0, "damage"))


def compressed(images: Tensor, quality: float) -> Tensor:
    saved = []
    for picture in pixels.to_arrays(images):
        file = io.BytesIO()
        Image.fromarray(picture.squeeze()).save(file, "JPEG", quality=int(quality))
        saved.append(np.asarray(Image.open(file)).reshape(picture.shape))
    return pixels.from_arrays(np.stack(saved))


DAMAGES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "blur": blurred,
    "noise": noisy,
    "jpeg": compressed,
}


def part(store: Store, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose `num` real pictures, evenly over the classes; return them and the rest, shuffled."""
    order = numpy_rng(0, "damages").permutation(len(store))
    each = num // store.num_classes
    reals = np.concatenate(
        [order[store.labels[order] == label][:each] for label in range(store.num_classes)]
    )
    return np.sort(reals), order[~np.isin(order, reals)]


def damaged(store: Store, rest: np.ndarray, num: int, damage: str, strength: float) -> Tensor:
    """Return `num` of the remaining pictures, made worse."""
    if damage == "classes":
        rest = rest[store.labels[rest] < strength]
        if len(rest) < num:
            raise SystemExit(f"only {len(rest)} pictures remain in the first {strength} classes")
    chosen = rest[:num]
    if damage == "repeats":
        chosen = chosen[np.arange(num) % int(strength)]
    images = pixels.from_arrays(store.batch(chosen)[0])
    return DAMAGES[damage](images, strength) if damage in DAMAGES else images


def measure(
    reals: Sets, vgg: VGG19, store: Store, rest: np.ndarray, damage: str, strength: float
) -> dict[str, Any]:
    """Score one damage by every metric."""
    images = damaged(store, rest, len(reals.real), damage, strength)
    if damage in ("copies", "mirrored"):
        some = slice(None, None, int(100 / strength))
        shown = reals.real_shown[some]
        images[some] = compressed(shown, 40) if damage == "copies" else shown.flip(3)
    parts = iter(images.split(32))
    features, shown = look_at(lambda _: next(parts), len(images), vgg=vgg)
    sets = Sets(reals.real, features, real_shown=reals.real_shown, fake_shown=shown)
    scores = compare(sets, METRICS, seed=0)
    return {key.removeprefix("metric/"): round(value, 4) for key, value in scores.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="+", help="folders or zips with a folder a class")
    parser.add_argument("--num", type=int, default=200)
    given = parser.parse_args()
    vgg = load_vgg19()
    for path in given.images:
        found = inspect(path)
        config = DataConfig(resolution=found.resolution, channels=found.channels, classes="folders")
        store = prepare(path, config)
        chosen, rest = part(store, given.num)
        pictures = pixels.from_arrays(store.batch(chosen)[0])
        parts = iter(pictures.split(32))
        features, _ = look_at(lambda _, parts=parts: next(parts), len(pictures), vgg=vgg)
        reals = Sets(features, features, real_shown=reduced(pictures))
        cells = [
            {"set": Path(path).stem, "damage": damage, "strength": strength}
            for damage, strengths in STRENGTHS.items()
            for strength in strengths
        ]
        for cell in missing(cells, RESULTS):
            scores = measure(reals, vgg, store, rest, cell["damage"], cell["strength"])
            record(cell | scores, RESULTS)


if __name__ == "__main__":
    main()
