"""How close made pictures come to the real ones: distances on VGG-19 features, with floors."""

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ganvas.core.errors import TrainingError
from ganvas.core.files import write_bytes
from ganvas.core.pixels import from_uint8, to_uint8
from ganvas.core.rng import rng
from ganvas.features.vgg import EXTRACTOR, VGG19, embed
from ganvas.metrics.frechet import frechet_distance
from ganvas.metrics.kid import kernel_distance, kernel_floor


def evaluate(
    sample: Callable[[int], Float[Tensor, "b c h w"]],
    reals: Float[Tensor, "n d"],
    *,
    num: int,
    vgg: VGG19,
    seed: int,
    batch_size: int = 32,
) -> dict[str, float]:
    """Compare `num` pictures from `sample` with the `reals` (see `real_features`).

    `sample(b)` returns the next b float images; they are rounded to 8 bits, as a file would.
    Raises DataError for fewer than 2 made or 4 real pictures, TrainingError for non-finite ones.
    """
    fakes = _embed_all(lambda start, stop: _as_saved(sample(stop - start)), num, vgg, batch_size)
    kid, kid_std = kernel_distance(reals, fakes, seed=seed)
    fd, fd_floor = _matched_frechet(reals, fakes, seed=seed)
    return {
        "metric/kid_vgg19": kid,
        "metric/kid_vgg19_std": kid_std,
        "metric/kid_vgg19_floor": kernel_floor(reals, seed=seed),
        "metric/fd_vgg19": fd,
        "metric/fd_vgg19_floor": fd_floor,
        "num": num,
        "num_real": len(reals),
    }


def real_features(
    read: Callable[[int, int], Float[Tensor, "b c h w"]],
    num: int,
    *,
    vgg: VGG19,
    key: str,
    cache: Path | None = None,
    batch_size: int = 32,
) -> Float[Tensor, "n d"]:
    """Return the feature vectors of the pictures read(0, num), kept in the file `cache`.

    `key` is any text that changes when `read` returns other pictures (the store's fingerprint
    and what was chosen from it). A file with another key or extractor is replaced.
    """
    header = {"extractor": EXTRACTOR, "key": key, "num": str(num)}
    if cache is not None and (kept := _load(cache, header)) is not None:
        return kept
    features = _embed_all(read, num, vgg, batch_size)
    if cache is not None:
        write_bytes(cache, save({"features": features}, metadata=header))
    return features


def _matched_frechet(
    reals: Float[Tensor, "n d"], fakes: Float[Tensor, "m d"], *, seed: int
) -> tuple[float, float]:
    """Return the distance of fakes from reals and that of reals from reals, at one size of set.

    The fewer the pictures, the larger a Fréchet distance: with fewer pictures than features most
    of it is this bias. Halves of the reals meet as many fakes, then each other, so both numbers
    carry the same bias and a perfect generator scores the floor.
    """
    order = torch.randperm(len(reals), generator=rng(seed, "frechet halves"))
    size = min(len(reals) // 2, len(fakes))
    one, other = reals[order[:size]], reals[order[-size:]]
    distances = frechet_distance(one, fakes[:size]), frechet_distance(other, fakes[-size:])
    return sum(distances) / 2, frechet_distance(one, other)


def _as_saved(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Return what a file would hold: clamped and rounded to 8 bits, as the real pictures are."""
    if not images.isfinite().all():
        raise TrainingError(
            "the generator makes values that are not finite; there is nothing to evaluate"
        )
    return from_uint8(to_uint8(images))


@torch.no_grad()
def _embed_all(
    read: Callable[[int, int], Float[Tensor, "b c h w"]], num: int, vgg: VGG19, batch_size: int
) -> Float[Tensor, "n d"]:
    """Return the feature vectors of `num` pictures on the CPU, one batch in memory at a time."""
    batches = []
    for start in range(0, num, batch_size):
        images = read(start, min(start + batch_size, num)).to(vgg.mean.device)
        # Scores must not depend on the precision somebody trains in.
        with torch.autocast(images.device.type, enabled=False):
            batches.append(embed(vgg, images).cpu())
    return torch.cat(batches)


def _load(cache: Path, header: dict[str, str]) -> Float[Tensor, "n d"] | None:
    """Return the features in a file if it was written for this header."""
    if not cache.exists():
        return None
    try:
        with safe_open(cache, "pt") as file:
            return file.get_tensor("features") if file.metadata() == header else None
    except SafetensorError:
        warnings.warn(f"{cache} is damaged; its features are computed again", stacklevel=3)
        return None
