"""Scores of the averaged generator against the run's own pictures."""

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.core import pixels
from ganvas.core.device import choose_device
from ganvas.core.errors import ConfigError, RunError
from ganvas.core.seeds import numpy_rng
from ganvas.data.store import Store, load_store
from ganvas.features.vgg import embed, load_vgg19
from ganvas.metrics.evaluate import evaluate, real_features
from ganvas.models import registry
from ganvas.models.base import Generator
from ganvas.runs.folder import RunFolder
from ganvas.runs.generator_file import load_generator_file
from ganvas.training.config import TrainConfig
from ganvas.training.loop import sample

REALS = 2000
"""Real pictures that `evaluate_run` compares with, at most."""
REALS_IN_TRAINING = 500
"""Fewer while training: looking at them costs a part of the minutes."""
METRICS = ("kid", "fd")
FIRST_SEED = 100_000
"""Evaluation uses seeds from here on, so that nobody's favourite pictures are in it."""


class Evaluator:
    """Holds the perceptual network and the features of the reals of one set."""

    def __init__(self, store: Store, device: torch.device, *, num_reals: int) -> None:
        self._vgg = load_vgg19(device)
        self._device = device
        chosen = np.sort(numpy_rng(0, "evaluation").permutation(len(store))[:num_reals])

        def read(start: int, stop: int) -> Float[Tensor, "b c h w"]:
            pictures, _ = store.batch(chosen[start:stop])
            return pixels.from_arrays(pictures).to(device)

        self._reals = real_features(
            read,
            len(chosen),
            vgg=self._vgg,
            key=store.fingerprint,
            cache=store.path / f"features-{len(chosen)}.safetensors",
        )

    def score(self, G: Generator, *, num: int) -> dict[str, float]:
        """Compare `num` generated pictures with the reals; keys are `metric/...`."""
        seeds = itertools.count(FIRST_SEED)

        def fakes(count: int) -> Float[Tensor, "b c h w"]:
            return sample(G, list(itertools.islice(seeds, count)))

        return evaluate(fakes, self._reals, num=num, vgg=self._vgg, seed=0)

    def seconds_per_picture(self, G: Generator) -> float:
        """Time what one generated picture costs to make and to look at."""
        start = time.perf_counter()
        images = sample(G, range(32)).to(self._device)
        with torch.no_grad():
            embed(self._vgg, images)
        return (time.perf_counter() - start) / len(images)


def evaluate_run(
    run: Path, metrics: tuple[str, ...] = METRICS, *, num: int = 2000, device: str = "auto"
) -> dict[str, Any]:
    """Score a run's best generator against the pictures it was trained on.

    Raises RunError when there is no generator yet or the prepared pictures are gone.
    """
    unknown = sorted(set(metrics) - set(METRICS))
    if unknown:
        raise ConfigError(f"there is no metric {unknown[0]!r}; choose from {', '.join(METRICS)}")
    folder = RunFolder.open(run)
    path = run / "generator.safetensors"
    if not path.exists():
        raise RunError(f"{run} has no generator yet: train a little longer first")
    config = TrainConfig.from_dict(folder.config)
    store = load_store(Path(folder.environment["data"]["store"]))
    chosen_device = choose_device(device)
    tensors, header = load_generator_file(path)
    G, _ = registry.build(
        config.model,
        channels=store.channels,
        resolution=store.resolution,
        num_classes=store.num_classes,
    )
    G.load_state_dict(tensors)
    G = G.to(chosen_device).eval()
    scores = Evaluator(store, chosen_device, num_reals=REALS).score(G, num=num)
    wanted = {k: v for k, v in scores.items() if any(f"/{m}_" in k for m in metrics)}
    return {"run": str(run), "nimg": header["nimg"], "num_images": num} | wanted
