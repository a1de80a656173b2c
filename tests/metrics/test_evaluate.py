"""Evaluating: keys, floors, the cache, and that worse pictures score worse."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional as F

from ganvas.core.errors import TrainingError
from ganvas.core.pixels import from_arrays, from_uint8, to_arrays, to_uint8
from ganvas.core.rng import rng
from ganvas.features.vgg import EXTRACTOR, VGG19, load_vgg19
from ganvas.metrics.evaluate import METRICS, Sets, compare, evaluate, look_at, real_features
from ganvas.metrics.frechet import matched_frechet


@pytest.fixture(scope="module")
def vgg() -> VGG19:
    return load_vgg19()


def made_pictures(num: int, seed: int, *, kind: str = "discs", size_px: int = 32) -> Tensor:
    """Coloured discs, or stripes, of random place, size and hue before a slope of two colours."""
    generator = rng(seed, kind)
    draw = torch.rand(num, 12, 1, 1, 1, generator=generator)
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, size_px)] * 2, indexing="ij")
    colours = draw[:, :9].reshape(num, 3, 3, 1, 1) * 2 - 1
    slope = torch.lerp(colours[:, 0], colours[:, 1], (y + 1) / 2)
    place, size = draw[:, 9:11, 0] - 0.5, 0.2 + 0.4 * draw[:, 11]
    if kind == "discs":
        inside = ((x - place[:, :1]) ** 2 + (y - place[:, 1:]) ** 2) < size**2
    else:
        inside = torch.sin(20 * size * (x * place[:, :1] + y)) > 0
    return torch.where(inside, colours[:, 2], slope)


def blurred(images: Tensor, sigma_px: float) -> Tensor:
    reach = torch.arange(-8, 9)
    kernel = torch.exp(-(reach**2) / (2 * sigma_px**2))
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    padded = F.pad(images, (8, 8, 8, 8), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.mT, groups=3)


def serve(images: Tensor) -> Callable[[int], Tensor]:
    """A sampler that hands out these images in order."""
    position = 0

    def sample(num: int) -> Tensor:
        nonlocal position
        position += num
        return images[position - num : position]

    return sample


def scores(images: Tensor, reals: Tensor, vgg: VGG19, batch_size: int = 32) -> dict[str, float]:
    return evaluate(serve(images), reals, num=len(images), vgg=vgg, seed=0, batch_size=batch_size)


@pytest.fixture(scope="module")
def reals(vgg: VGG19) -> Tensor:
    images = made_pictures(12, seed=0)
    return real_features(lambda start, stop: images[start:stop], 12, vgg=vgg, key="discs")


def test_one_line_of_metrics(vgg: VGG19, reals: Tensor) -> None:
    images = made_pictures(8, seed=1)
    result = scores(images, reals, vgg)
    assert set(result) == {
        *(f"metric/kid_vgg19{end}" for end in ("", "_std", "_floor")),
        *(f"metric/fd_vgg19{end}" for end in ("", "_floor")),
        *(
            f"metric/{name}_vgg19{end}"
            for name in ("precision", "recall", "density", "coverage")
            for end in ("", "_std", "_real")
        ),
        *(f"metric/diversity_vgg19{end}" for end in ("", "_std")),
        "num",
        "num_real",
    }
    assert (result["num"], result["num_real"]) == (8, 12)
    assert result == scores(images, reals, vgg)
    assert result == pytest.approx(scores(images, reals, vgg, batch_size=3), rel=1e-3)


def test_every_metric_can_be_asked_for_alone(vgg: VGG19, reals: Tensor) -> None:
    images = made_pictures(8, seed=1, size_px=160)
    features, shown = look_at(serve(images), 8, vgg=vgg, batch_size=3)
    assert shown.shape == (8, 3, 128, 128)
    sets = Sets(reals, features, real_shown=made_pictures(12, 0, size_px=128), fake_shown=shown)
    together = compare(sets, METRICS, seed=0)
    for name in METRICS:
        alone = compare(sets, [name], seed=0)
        assert alone.items() <= together.items()
        assert any(f"/{name}" in key for key in alone) or name == "prdc"
    assert {"metric/ms_ssim_std", "metric/ms_ssim_real", "metric/nearest_vgg19"} <= set(together)
    assert together["metric/copies_vgg19_real"] == 0.05


def test_no_more_pictures_are_kept_than_are_looked_at(
    vgg: VGG19, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganvas.metrics.evaluate.SHOWN", 5)
    images = made_pictures(8, seed=1)
    _, shown = look_at(serve(images), 8, vgg=vgg, batch_size=2)
    assert torch.equal(shown, from_uint8(to_uint8(images[:5])))


def test_held_out_pictures_are_not_taken_for_training_pictures(reals: Tensor) -> None:
    fakes = reals[:6]
    everything = compare(Sets(reals, fakes), ["copies"], seed=0)
    held_out = Sets(reals, fakes, trained_on=torch.arange(12) >= 6)
    assert everything["metric/nearest_vgg19"] == pytest.approx(0, abs=1e-3)
    assert compare(held_out, ["copies"], seed=0)["metric/nearest_vgg19"] > 0.5


def test_pictures_are_judged_as_a_file_would_hold_them(vgg: VGG19, reals: Tensor) -> None:
    images = made_pictures(4, seed=1) * 1.5
    saved = from_uint8(to_uint8(images))
    assert scores(images, reals, vgg) == scores(saved + 0.001, reals, vgg)


def test_broken_pictures_are_refused(vgg: VGG19, reals: Tensor) -> None:
    with pytest.raises(TrainingError, match="not finite"):
        scores(torch.full((4, 3, 32, 32), torch.nan), reals, vgg)


def test_precision_of_the_caller_does_not_matter(vgg: VGG19, reals: Tensor) -> None:
    images = made_pictures(4, seed=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = scores(images, reals, vgg)
    assert mixed == scores(images, reals, vgg)


def test_features_are_kept_until_the_pictures_change(vgg: VGG19, tmp_path: Path) -> None:
    images = made_pictures(5, seed=0)
    calls: list[tuple[int, int]] = []

    def read(start: int, stop: int) -> Tensor:
        calls.append((start, stop))
        return images[start:stop]

    def features(num: int, key: str) -> Tensor:
        cache = tmp_path / "features.safetensors"
        return real_features(read, num, vgg=vgg, key=key, cache=cache, batch_size=2)

    first = features(5, "a")
    assert calls == [(0, 2), (2, 4), (4, 5)]
    assert torch.equal(features(5, "a"), first)
    assert len(calls) == 3
    with safe_open(tmp_path / "features.safetensors", "pt") as file:
        assert file.metadata()["extractor"] == EXTRACTOR
    assert features(3, "a").shape == (3, 1408)
    assert features(3, "b").shape == (3, 1408)
    assert len(calls) == 7


def test_a_cache_that_cannot_be_written_only_costs_time(vgg: VGG19, tmp_path: Path) -> None:
    images = made_pictures(2, 0)
    wanted = real_features(lambda i, j: images[i:j], 2, vgg=vgg, key="", cache=None)
    (tmp_path / "file").write_text("no folder")
    cache = tmp_path / "file" / "features.safetensors"
    found = real_features(lambda i, j: images[i:j], 2, vgg=vgg, key="", cache=cache)
    torch.testing.assert_close(found, wanted)


def test_a_damaged_cache_is_replaced_with_a_word(vgg: VGG19, tmp_path: Path) -> None:
    cache = tmp_path / "features.safetensors"
    images = made_pictures(2, seed=0)

    def features() -> Tensor:
        return real_features(lambda i, j: images[i:j], 2, vgg=vgg, key="", cache=cache)

    first = features()
    cache.write_bytes(cache.read_bytes()[:-7])
    with pytest.warns(UserWarning, match="damaged"):
        assert torch.equal(features(), first)
    assert torch.equal(features(), first)


def test_a_perfect_generator_scores_the_floor() -> None:
    """At any number of fakes: both sides carry the same bias, and nothing but chance is left."""
    pool = torch.randn(700, 50, generator=torch.manual_seed(0))
    for num in (20, 100, 500):
        score, floor = matched_frechet(pool[:200], pool[200 : 200 + num], seed=0)
        assert score == pytest.approx(floor, rel=0.1)
        shifted, _ = matched_frechet(pool[:200], pool[200 : 200 + num] + 0.5, seed=0)
        assert shifted > score + 8


def jpeg(images: Tensor, quality: int) -> Tensor:
    """Through a file and back."""
    saved = []
    for picture in to_arrays(images):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        saved.append(np.asarray(Image.open(file)))
    return from_arrays(np.stack(saved))


def kinds(num: int, seed: int, chosen: tuple[int, ...] = (0, 1, 2, 3)) -> Tensor:
    """Pictures of four kinds: discs and stripes, coloured or negative and half as bright."""
    sets = [made_pictures(num, seed, kind=kind) for kind in ("discs", "stripes")]
    sets += [-0.5 * images - 0.5 for images in sets]
    return torch.stack([sets[k] for k in chosen], 1).flatten(0, 1)[:num]


@pytest.mark.slow
def test_worse_pictures_score_worse(vgg: VGG19) -> None:
    num = 64
    images = kinds(num, seed=0)
    reals = real_features(lambda i, j: images[i:j], num, vgg=vgg, key="kinds")
    fresh = kinds(num, seed=1)
    noise = torch.randn(fresh.shape, generator=rng(0, "noise"))
    best = scores(fresh, reals, vgg)
    other = scores(noise, reals, vgg)
    ladders = {
        "blur": [blurred(fresh, 0.8), blurred(fresh, 1.5)],
        "noise": [fresh + 0.05 * noise, fresh + 0.4 * noise],
        "jpeg": [jpeg(fresh, 40), jpeg(fresh, 5)],
        "fewer kinds": [kinds(num, 1, (0, 1)), kinds(num, 1, (0,))],
        "repeats": [fresh[:16].repeat(4, 1, 1, 1), fresh[:4].repeat(16, 1, 1, 1)],
    }
    falls = {
        # Blurred pictures lie nearer to the middle of the real ones: precision may even rise.
        "blur": ("recall",),
        "noise": ("precision", "density"),
        "jpeg": ("density", "coverage"),
        "fewer kinds": ("coverage",),
        "repeats": ("recall", "coverage"),
    }
    for name, (slight, strong) in ladders.items():
        results = [best, scores(slight, reals, vgg), scores(strong, reals, vgg)]
        for metric in ("metric/kid_vgg19", "metric/fd_vgg19"):
            numbers = [result[metric] for result in results]
            assert numbers == sorted(numbers), (name, metric, numbers)
            assert numbers[-1] < other[metric], (name, metric, numbers)
            assert numbers[0] < 1.3 * best[f"{metric}_floor"] < numbers[2], (name, metric, numbers)
        for metric in falls[name]:
            numbers = [result[f"metric/{metric}_vgg19"] for result in results]
            assert numbers == sorted(numbers, reverse=True), (name, metric, numbers)
            assert numbers[-1] < 0.85 * numbers[0], (name, metric, numbers)
        if name in ("fewer kinds", "repeats"):
            precision = [result["metric/precision_vgg19"] for result in results]
            assert min(precision) > precision[0] - 0.15, (name, precision)
