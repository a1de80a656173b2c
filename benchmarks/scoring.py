"""What a finished cell shows: a grid that nobody chose, and how near it comes to the reals."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

import ganvas
from ganvas.core import images as pictures
from ganvas.core import pixels
from ganvas.core.seeds import numpy_rng
from ganvas.data.store import Store
from ganvas.features.vgg import VGG19, load_vgg19
from ganvas.metrics.evaluate import evaluate, real_features
from ganvas.models.base import Generator
from ganvas.runs.folder import RunFolder
from ganvas.training.loop import sample

FAKES = 500
REALS = 1000
Sample = Callable[[int], Tensor]
"""Returns the next so many made pictures, float [n c h w] in [-1, 1]."""


def sampler(G: Generator) -> Sample:
    """Hand out the pictures of seed 0, 1, 2, ..."""
    seeds = itertools.count()
    return lambda num: sample(G, list(itertools.islice(seeds, num)))


def keep_grid(made: Sample, path: Path) -> str:
    """Write the next 64 pictures as a grid; return the file's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pictures.grid(pixels.to_arrays(made(64))).squeeze()).save(path, quality=92)
    return path.name


def outcome(runs: Path, store: Store, grid: Path, num: int = FAKES) -> dict[str, Any]:
    """What the only run in a folder ended with: the guard's decisions, its pictures, their scores.

    `metric/kid_vgg19` is None where it made no generator.
    """
    run = RunFolder.all(runs)[0]
    stats = run.stats()
    events = [event for event in run.events() if event.get("trouble")]
    found: dict[str, Any] = {
        "kimg": stats[-1]["nimg"] / 1000 if stats else 0.0,
        "events": [[e["nimg"], e["kind"], e["trouble"]] for e in events],
    }
    if not (run.path / "generator.safetensors").exists():
        return found | {"metric/kid_vgg19": None}
    made = sampler(ganvas.load_generator(run.path))
    return found | {"grid": keep_grid(made, grid)} | score(made, store, num)


def score(made: Sample, store: Store, num: int = FAKES) -> dict[str, float]:
    """Compare `num` pictures with up to REALS of the set, by features alone."""
    vgg = load_vgg19()
    found = evaluate(made, real_features_of(store, vgg), num=num, vgg=vgg, seed=0)
    return {key: round(value, 5) for key, value in found.items()}


def real_features_of(store: Store, vgg: VGG19) -> Tensor:
    """Features of pictures chosen at random, the same ones for every cell of a set."""
    chosen = np.sort(numpy_rng(0, "benchmark").permutation(len(store))[:REALS])
    return real_features(
        lambda start, stop: pixels.from_arrays(store.batch(chosen[start:stop])[0]),
        len(chosen),
        vgg=vgg,
        key=store.fingerprint,
        cache=store.path / "benchmark.safetensors",
    )
