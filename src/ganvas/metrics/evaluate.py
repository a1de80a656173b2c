"""How near made pictures come to the real ones: scores, their error bars, and what reals score."""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ganvas.core.errors import TrainingError
from ganvas.core.files import write_bytes
from ganvas.core.pixels import from_uint8, to_uint8
from ganvas.features.vgg import EXTRACTOR, VGG19, embed, resized
from ganvas.metrics.copies import QUANTILE, copies
from ganvas.metrics.diversity import diversity
from ganvas.metrics.frechet import matched_frechet
from ganvas.metrics.kid import kernel_distance, kernel_floor
from ganvas.metrics.ms_ssim import pair_similarity
from ganvas.metrics.prdc import matched_prdc

Embed = Callable[[Float[Tensor, "b c h w"]], Float[Tensor, "b d"]]
Read = Callable[[int, int], Float[Tensor, "b c h w"]]
"""Returns the pictures from one number to another, as float images."""
Sample = Callable[[int], Float[Tensor, "b c h w"]]
"""Returns the next so many made pictures."""

SHOWN = 400
"""Pictures of a set that are looked at pixel by pixel, ..."""
SHOWN_PX = 128
"""... their short side at most this long: the size that 1610.09585 measures at."""


@dataclass(frozen=True, eq=False)
class Sets:
    """Real and made pictures: features of all, and some of the pictures themselves."""

    real: Float[Tensor, "n d"]
    fake: Float[Tensor, "m d"]
    trained_on: Bool[Tensor, " n"] | None = None
    """False for real pictures that were held out; None: there are no such."""
    real_shown: Float[Tensor, "p c h w"] | None = None
    fake_shown: Float[Tensor, "q c h w"] | None = None


def evaluate(
    sample: Sample,
    reals: Float[Tensor, "n d"],
    *,
    num: int,
    vgg: VGG19,
    seed: int,
    batch_size: int = 32,
) -> dict[str, float]:
    """Compare `num` pictures from `sample` with the `reals` (see `real_features`) by FEATURES.

    Raises DataError for fewer than 4 pictures of a kind, TrainingError for non-finite ones.
    """
    fakes, _ = look_at(sample, num, vgg=vgg, batch_size=batch_size)
    return compare(Sets(reals, fakes), FEATURES, seed=seed)


def compare(sets: Sets, metrics: Iterable[str], *, seed: int) -> dict[str, float]:
    """Return the scores of some METRICS, with the number of pictures behind them."""
    scores: dict[str, float] = {"num": len(sets.fake), "num_real": len(sets.real)}
    for name in metrics:
        scores |= {f"metric/{key}": value for key, value in METRICS[name](sets, seed).items()}
    return scores


def look_at(
    sample: Sample, num: int, *, vgg: VGG19, batch_size: int = 32
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "p c h w"]]:
    """Return the features of `num` made pictures, and the first SHOWN of them for `Sets`.

    They are clamped and rounded to 8 bits, as a file would: that is what the real ones are.
    """
    shown: list[Tensor] = []

    def read(start: int, stop: int) -> Float[Tensor, "b c h w"]:
        images = as_saved(sample(stop - start))
        shown.append(reduced(images[: max(0, SHOWN - start)]))
        return images

    features = embed_all(read, num, functools.partial(embed, vgg), vgg.mean.device, batch_size)
    return features, torch.cat(shown)


def real_features(
    read: Read,
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
    features = embed_all(read, num, functools.partial(embed, vgg), vgg.mean.device, batch_size)
    if cache is not None:
        # Only the next evaluation is slower where nothing can be written.
        with contextlib.suppress(OSError):
            write_bytes(cache, save({"features": features}, metadata=header))
    return features


@torch.no_grad()
def embed_all(
    read: Read, num: int, network: Embed, device: torch.device, batch_size: int = 32
) -> Float[Tensor, "n d"]:
    """Return the feature vectors of `num` pictures on the CPU, one batch in memory at a time."""
    batches = []
    for start in range(0, num, batch_size):
        images = read(start, min(start + batch_size, num)).to(device)
        # Scores must not depend on the precision somebody trains in.
        with torch.autocast(images.device.type, enabled=False):
            batches.append(network(images).cpu())
    return torch.cat(batches)


def as_saved(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Return what a file would hold. Raises TrainingError for values that are not finite."""
    if not images.isfinite().all():
        raise TrainingError(
            "the generator makes values that are not finite; there is nothing to evaluate"
        )
    return from_uint8(to_uint8(images))


def reduced(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Return pictures for `Sets` on the CPU, with a short side of at most SHOWN_PX."""
    return resized(images, 1, SHOWN_PX).cpu()


def _kid(sets: Sets, seed: int) -> dict[str, float]:
    distance, spread = kernel_distance(sets.real, sets.fake, seed=seed)
    return {
        "kid_vgg19": distance,
        "kid_vgg19_std": spread,
        "kid_vgg19_floor": kernel_floor(sets.real, seed=seed),
    }


def _fd(sets: Sets, seed: int) -> dict[str, float]:
    distance, floor = matched_frechet(sets.real, sets.fake, seed=seed)
    return {"fd_vgg19": distance, "fd_vgg19_floor": floor}


def _prdc(sets: Sets, seed: int) -> dict[str, float]:
    rows = zip(("", "_std", "_real"), matched_prdc(sets.real, sets.fake, seed=seed), strict=True)
    return {
        f"{name}_vgg19{ending}": value
        for ending, scores in rows
        for name, value in scores._asdict().items()
    }


def _diversity(sets: Sets, seed: int) -> dict[str, float]:
    ratio, spread = diversity(sets.real, sets.fake, seed=seed)
    return {"diversity_vgg19": ratio, "diversity_vgg19_std": spread}


def _ms_ssim(sets: Sets, seed: int) -> dict[str, float]:
    assert sets.real_shown is not None, "this metric looks at pictures"
    assert sets.fake_shown is not None, "this metric looks at pictures"
    fake, fake_std = pair_similarity(sets.fake_shown, seed=seed)
    real, real_std = pair_similarity(sets.real_shown, seed=seed)
    return {
        "ms_ssim": fake,
        "ms_ssim_std": fake_std,
        "ms_ssim_real": real,
        "ms_ssim_real_std": real_std,
    }


def _copies(sets: Sets, seed: int) -> dict[str, float]:
    trained_on = sets.trained_on
    if trained_on is None:
        trained_on = torch.ones(len(sets.real), dtype=torch.bool)
    found = copies(sets.real, trained_on, sets.fake, seed=seed)
    return {
        "copies_vgg19": found.share,
        "copies_vgg19_std": found.share_std,
        "copies_vgg19_real": QUANTILE,
        "nearest_vgg19": found.ratio,
        "nearest_vgg19_std": found.ratio_std,
    }


METRICS: dict[str, Callable[[Sets, int], dict[str, float]]] = {
    "kid": _kid,
    "fd": _fd,
    "prdc": _prdc,
    "diversity": _diversity,
    "ms_ssim": _ms_ssim,
    "copies": _copies,
}
FEATURES = ("kid", "fd", "prdc", "diversity")
"""Those that need nothing but features and cost little more than looking at the pictures."""


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
