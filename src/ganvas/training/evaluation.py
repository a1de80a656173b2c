"""Scores of the averaged generator against the run's own pictures."""

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ganvas.core import images, pixels
from ganvas.core.device import choose_device
from ganvas.core.errors import ConfigError, RunError
from ganvas.core.seeds import numpy_rng
from ganvas.data.batches import split
from ganvas.data.store import Store, load_store
from ganvas.features.vgg import embed, load_vgg19
from ganvas.metrics.copies import closest
from ganvas.metrics.evaluate import (
    METRICS,
    SHOWN,
    Sample,
    Sets,
    as_saved,
    compare,
    embed_all,
    evaluate,
    look_at,
    real_features,
    reduced,
)
from ganvas.metrics.frechet import frechet_distance
from ganvas.metrics.inception import Inception, load_inception
from ganvas.models import registry
from ganvas.models.base import Generator
from ganvas.runs.folder import RunFolder, writing
from ganvas.runs.generator_file import load_generator_file
from ganvas.training.config import TrainConfig
from ganvas.training.loop import sample

REALS = 2000
"""Real pictures that `evaluate_run` compares with, at most."""
REALS_IN_TRAINING = 500
"""Fewer while training: looking at them costs a part of the minutes."""
CHOICES = (*METRICS, "fid")
"""What `evaluate_run` can measure."""
DEFAULT = ("kid", "fd", "prdc", "copies")
PAIRS = 16
"""Made pictures in copies.png, beside the training pictures they come nearest to."""
FIRST_SEED = 100_000
"""Evaluation uses seeds from here on, so that nobody's favourite pictures are in it."""


class Evaluator:
    """Holds the perceptual network and the features of the reals of one set."""

    def __init__(self, store: Store, device: torch.device, *, num_reals: int) -> None:
        self._vgg = load_vgg19(device)
        self._device = device
        self._store = store
        self.chosen = np.sort(numpy_rng(0, "evaluation").permutation(len(store))[:num_reals])
        self._reals = real_features(
            self._read,
            len(self.chosen),
            vgg=self._vgg,
            key=store.fingerprint,
            cache=store.path / f"features-{len(self.chosen)}.safetensors",
        )

    def score(self, G: Generator, *, num: int) -> dict[str, float]:
        """Compare `num` generated pictures with the reals; keys are `metric/...`."""
        return evaluate(self._sampler(G), self._reals, num=num, vgg=self._vgg, seed=0)

    def sets(self, G: Generator, *, num: int, seed: int) -> Sets:
        """Return `num` generated pictures beside the reals, for any metric.

        `seed` is that of the training: it says which of the reals were held out.
        """
        _, held_out = split(len(self._store), seed)
        features, shown = look_at(self._sampler(G), num, vgg=self._vgg)
        some = numpy_rng(0, "shown").permutation(len(self.chosen))[:SHOWN]
        pictures, _ = self._store.batch(self.chosen[np.sort(some)])
        return Sets(
            self._reals,
            features,
            trained_on=torch.from_numpy(~np.isin(self.chosen, held_out)),
            real_shown=reduced(pixels.from_arrays(pictures)),
            fake_shown=shown,
        )

    def fid(self, G: Generator, network: Inception, *, num: int) -> float:
        """Return the Fréchet distance of papers between `num` generated pictures and the reals."""
        made = self._sampler(G)
        reals = embed_all(self._read, len(self.chosen), network, self._device)
        fakes = embed_all(lambda i, j: as_saved(made(j - i)), num, network, self._device)
        return frechet_distance(reals, fakes)

    def seconds_per_picture(self, G: Generator) -> float:
        """Time what one generated picture costs to make and to look at."""
        start = time.perf_counter()
        made = sample(G, range(32)).to(self._device)
        with torch.no_grad():
            embed(self._vgg, made)
        return (time.perf_counter() - start) / len(made)

    def _sampler(self, G: Generator) -> Sample:
        """Hand out generated pictures, always the same ones from the first on."""
        numbers = itertools.count()
        return lambda num: generated(G, self._store, list(itertools.islice(numbers, num)))

    def _read(self, start: int, stop: int) -> Float[Tensor, "b c h w"]:
        pictures, _ = self._store.batch(self.chosen[start:stop])
        return pixels.from_arrays(pictures).to(self._device)


def evaluate_run(
    run: Path,
    metrics: tuple[str, ...] = DEFAULT,
    *,
    num: int = 2000,
    device: str = "auto",
    inception: Path | None = None,
) -> dict[str, Any]:
    """Score a run's best generator against the pictures it was trained on, by some of CHOICES.

    With "copies" among them, copies.png in the run shows the made pictures that come nearest to
    a training picture (left) and that picture (right). "fid" needs the file `inception` (see
    `metrics.inception`). Raises RunError when there is no generator yet, DataError when the
    prepared pictures are gone.
    """
    if unknown := sorted(set(metrics) - set(CHOICES)):
        raise ConfigError(f"there is no metric {unknown[0]!r}; choose from {', '.join(CHOICES)}")
    if ("fid" in metrics) != (inception is not None):
        raise ConfigError(
            "fid and the file of its network go together: --metrics fid --inception FILE"
        )
    chosen_device = choose_device(device)
    network = None if inception is None else load_inception(inception, chosen_device)
    folder = RunFolder.open(run)
    G, store, nimg = _best(folder, chosen_device)
    evaluator = Evaluator(store, chosen_device, num_reals=REALS)
    start = time.perf_counter()
    sets = evaluator.sets(G, num=num, seed=TrainConfig.from_dict(folder.config).seed)
    speed = num / (time.perf_counter() - start)
    scores = compare(sets, [name for name in metrics if name != "fid"], seed=0)
    result = {"run": str(run), "nimg": nimg, "num_images": scores.pop("num")}
    result |= {"images_per_second": round(speed, 3)} | scores
    if network is not None:
        result["metric/fid_inception"] = evaluator.fid(G, network, num=num)
    if "copies" in metrics:
        result["copies"] = str(_draw_copies(folder, G, store, evaluator.chosen, sets))
    return result


def _best(folder: RunFolder, device: torch.device) -> tuple[Generator, Store, int]:
    """Load a run's best generator, its prepared pictures, and the nimg it is from."""
    path = folder.path / "generator.safetensors"
    if not path.exists():
        raise RunError(f"{folder.path} has no generator yet: train a little longer first")
    store = load_store(Path(folder.environment["data"]["store"]))
    tensors, header = load_generator_file(path)
    G, _ = registry.build(
        TrainConfig.from_dict(folder.config).model,
        channels=store.channels,
        resolution=store.resolution,
        num_classes=store.num_classes,
    )
    G.load_state_dict(tensors)
    return G.to(device).eval(), store, header["nimg"]


def _draw_copies(
    folder: RunFolder, G: Generator, store: Store, chosen: Int64[np.ndarray, " n"], sets: Sets
) -> Path:
    """Write the fakes nearest to a training picture into the run, a row each: fake, picture."""
    assert sets.trained_on is not None
    fakes, reals = closest(sets.real, sets.trained_on, sets.fake, num=PAIRS)
    made = pixels.to_arrays(generated(G, store, fakes.tolist()))
    pictures, _ = store.batch(chosen[reals.numpy()])
    rows = np.stack([made, pictures], axis=1).reshape(-1, *made.shape[1:])
    path = folder.path / "copies.png"
    with writing(folder.path):
        images.write_png(path, images.grid(rows, columns=2))
    return path


def generated(G: Generator, store: Store, numbers: list[int]) -> Float[Tensor, "b c h w"]:
    """The evaluation's pictures of these numbers; with classes, as many of each as are real."""
    order = numpy_rng(0, "evaluated labels").permutation(len(store))
    labels = np.asarray(store.labels)[order[np.asarray(numbers) % len(store)]]
    return sample(G, [FIRST_SEED + number for number in numbers], labels=labels)
