"""A repainting from outside: what reports say, what settings do, what a result keeps."""

import numpy as np
import pytest
import torch
from drawings import drawn_painting, drawn_photo
from PIL import Image

import ganvas
from ganvas.core.errors import ConfigError, DataError, TrainingError
from ganvas.style import steps as steps_module
from ganvas.style.config import StyleConfig, complete
from ganvas.style.easel import set_up
from ganvas.style.inputs import gather
from ganvas.style.optimizers import rate_at
from ganvas.style.steps import scale_sizes, stylize_steps

QUICK = {
    "size": 48,
    "coarsest_px": 32,
    "steps": (8, 6),
    "precision": "fp32",
    "device": "cpu",
    "style_layers": ("relu1_1", "relu2_1", "relu3_1"),
    "content_layers": ("relu3_1",),
}
"""Shallow: the deep layers are nine tenths of the time."""


def paint(photo, painting, masks=(), protect=None, **settings) -> np.ndarray:
    settings = QUICK | settings
    return np.asarray(ganvas.stylize(photo, painting, masks=masks, protect=protect, **settings))


def reports(photo, painting, **settings):
    return list(stylize_steps(photo, painting, complete(QUICK | settings)))


def difference(one, other) -> float:
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


def at(photo, size) -> np.ndarray:
    return np.asarray(photo.convert("RGB").resize(size, Image.Resampling.LANCZOS))


def test_reports_go_from_coarse_to_fine(photo, painting):
    found = reports(photo, painting, coarsest_px=24)
    assert [report.step for report in found] == list(range(1, 21))
    assert [(one.width, one.height) for one in found if one.last_of_scale] == [
        (24, 18),
        (34, 26),
        (48, 36),
    ]
    shares = [one.share for one in found]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    layers = {f"style/{layer}" for layer in QUICK["style_layers"]}
    assert set(found[0].losses) == {"style", "content", "variation"} | layers
    parts = [found[-1].losses[name] for name in ("style", "content", "variation")]
    torch.testing.assert_close(torch.stack(parts).sum(), found[-1].total)
    assert not found[-1].total.requires_grad
    assert found[0].render().size == (24, 18)


def test_the_loss_falls_and_the_picture_changes(photo, painting):
    found = reports(photo, painting, coarsest_px=0, steps=(20,))
    assert found[-1].total < 0.7 * found[0].total
    assert difference(found[-1].render(), at(photo, (48, 36))) > 10


def test_scales_are_a_factor_of_root_two_apart():
    assert scale_sizes(complete({"size": 512})) == [128, 181, 256, 362, 512]
    assert scale_sizes(complete({"size": 100})) == [100]
    assert scale_sizes(complete({"size": 700, "loss": "gram"})) == [700]


def test_same_seed_same_picture(photo, painting):
    first = paint(photo, painting, init="noise")
    assert np.array_equal(first, paint(photo, painting, init="noise"))
    assert difference(first, paint(photo, painting, init="noise", seed=1)) > 1


def test_strength_goes_from_the_photo_to_the_painting(photo, painting):
    kept = paint(photo, painting, strength=0.0)
    assert np.abs(kept.astype(int) - at(photo, (48, 36))).max() <= 1
    look = set_up(
        gather(photo, painting, (), None),
        StyleConfig(),
        (36, 48),
        torch.device("cpu"),
    )
    measured = []
    for strength in (0.0, 0.25, 0.5, 0.75, 1.0):
        result = paint(photo, painting, strength=strength, steps=(30, 20))
        measured.append(distances(look, result))
    style, content = zip(*measured, strict=True)
    assert list(style) == sorted(style, reverse=True)
    assert list(content) == sorted(content)
    assert len(set(style)) == len(set(content)) == 5


def distances(easel, result) -> tuple[float, float]:
    """Style and content distance of a result, as the objective of full strength sees them."""
    from ganvas.core import pixels
    from ganvas.core.device import Numerics
    from ganvas.features.vgg import load_vgg19
    from ganvas.style.objective import Look, Objective

    config = StyleConfig()
    numerics = Numerics(torch.device("cpu"), "fp32")
    look = Look(load_vgg19(), numerics, config.content_layers, config.style_layers)
    objective = Objective(config, look, easel.scene)
    objective(pixels.from_arrays(result[None].copy()))
    return objective.losses["style"].item(), objective.losses["content"].item()


@pytest.mark.parametrize("loss", ["w2", "gram"])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "sgd"])
def test_every_optimizer_goes_down(photo, painting, optimizer, loss):
    settings = {"optimizer": optimizer, "loss": loss, "coarsest_px": 0, "steps": (12,)}
    found = reports(photo, painting, init="content", **settings)
    assert found[-1].total < 0.9 * found[0].total
    assert found[-1].image.abs().max() <= 1


@pytest.mark.parametrize("init", ["content", "noise", "style", "file"])
def test_where_it_starts(init, photo, painting, tmp_path):
    if init == "file":
        init = str(tmp_path / "start.png")
        Image.new("RGB", (30, 30), (200, 30, 40)).save(init)
    job = gather(photo, painting, (), None)
    config = complete(QUICK | {"init": init})
    start = set_up(job, config, (36, 48), torch.device("cpu")).start
    assert start.shape == (1, 3, 36, 48)
    if init == "noise":
        assert (start[..., 1:] - start[..., :-1]).abs().mean() > 0.2
    if init == "content":  # In the painting's colours.
        mean = torch.tensor(np.asarray(painting).mean((0, 1)) / 127.5 - 1)
        assert (start.mean((0, 2, 3)) - mean).abs().max() < 0.1


def test_several_paintings_are_mixed_by_weight(photo, painting):
    other = Image.fromarray(255 - np.asarray(painting))
    alone = paint(photo, painting)
    mostly = paint(photo, [painting, other], style_weights=(9.0, 1.0))
    little = paint(photo, [painting, other], style_weights=(1.0, 9.0))
    assert difference(mostly, alone) < difference(little, alone)
    with pytest.raises(ConfigError, match="2 paintings"):
        paint(photo, [painting, other], style_weights=(1.0, 2.0, 3.0))


def test_colours_can_be_kept(photo, painting):
    original = at(photo, (48, 36)).astype(float)
    matched = paint(photo, painting, keep_colors="match").astype(float)
    free = paint(photo, painting).astype(float)
    assert np.abs(matched.mean((0, 1)) - original.mean((0, 1))).max() < 12
    assert np.abs(free.mean((0, 1)) - original.mean((0, 1))).max() > 30
    light = paint(photo, painting, keep_colors="luminance").astype(float)
    inside = ((light > 0) & (light < 255)).all(2)
    chroma, before = light[..., 0] - light[..., 2], original[..., 0] - original[..., 2]
    assert np.abs(chroma - before)[inside].max() <= 2
    assert difference(light, original) > 5


def halves(left: int, right: int, size=(64, 48)) -> Image.Image:
    mask = np.full((size[1], size[0]), left, np.uint8)
    mask[:, size[0] // 2 :] = right
    return Image.fromarray(mask)


def test_a_mask_paints_inside_and_leaves_the_rest(photo, painting):
    result = paint(photo, painting, masks=halves(255, 0)).astype(float)
    original = at(photo, (48, 36)).astype(float)
    assert np.abs(result - original)[:, 25:].max() <= 1
    assert np.abs(result - original)[:, :23].mean() > 15
    protected = paint(photo, painting, protect=halves(0, 255)).astype(float)
    assert np.abs(protected - original)[:, 25:].max() <= 1
    assert np.abs(protected - original)[:, :23].mean() > 15


@pytest.mark.parametrize("number", [1, 2])
def test_masks_say_which_painting_goes_where(number, photo):
    red = Image.fromarray(np.full((40, 40, 3), (220, 30, 30), np.uint8))
    blue = Image.fromarray(np.full((40, 40, 3), (30, 30, 220), np.uint8))
    masks = [halves(255, 0), halves(0, 255)][:number]
    result = paint(photo, [red, blue], masks=masks, steps=(25, 15)).astype(float)
    left, right = result[:, :20].mean((0, 1)), result[:, 28:].mean((0, 1))
    assert left[0] - left[2] > 15
    assert right[2] - right[0] > 15


def test_a_black_mask_leaves_the_photo(photo, painting):
    result = paint(photo, painting, masks=halves(0, 0))
    assert np.abs(result.astype(int) - at(photo, (48, 36))).max() <= 1


def test_opacity_is_carried_through(painting):
    photo = drawn_photo().convert("RGBA")
    photo.putalpha(halves(255, 0))
    result = paint(photo, painting)
    assert result.shape == (36, 48, 4)
    assert result[:, :20, 3].min() == 255
    assert result[:, 28:, 3].max() == 0


@pytest.mark.parametrize("size", [(100, 40), (34, 100), (47, 61)])
def test_any_shape(size, painting):
    result = paint(drawn_photo(*size), painting)
    assert max(result.shape[:2]) == 48
    width, height = size
    assert result.shape[1] / result.shape[0] == pytest.approx(width / height, rel=0.05)


@pytest.mark.parametrize("init", ["noise", "style"])
@pytest.mark.parametrize("loss", ["w2", "gram"])
def test_strength_0_keeps_the_photo_whatever_the_start(init, loss, photo, painting):
    optimizer = {"optimizer": "lbfgs"} if loss == "gram" else {}
    kept = paint(photo, painting, strength=0.0, init=init, loss=loss, tv_weight=0.0, **optimizer)
    assert np.abs(kept.astype(int) - at(photo, (48, 36))).max() <= 1


def test_only_the_way_from_the_photo_is_shorter_with_less_strength():
    rates = {
        init: [rate_at(complete({"init": init, "strength": s}), 0, 9) for s in (1.0, 0.25)]
        for init in ("content", "noise")
    }
    assert rates["content"][1] == rates["content"][0] / 2
    assert rates["noise"][1] == rates["noise"][0]


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "sgd"])
def test_where_nothing_may_be_painted_the_photo_stays(optimizer, photo, painting):
    white = Image.new("L", photo.size, 255)
    kept = paint(photo, painting, protect=white, optimizer=optimizer)
    assert np.abs(kept.astype(int) - at(photo, (48, 36))).max() <= 1


@pytest.mark.parametrize("keep_colors", ["none", "match", "luminance"])
def test_colours_that_nobody_sees_do_not_matter(keep_colors, photo, painting):
    shown = []
    for hidden in (0, 255):
        cut_out = []
        for picture in (photo, painting):
            array = np.array(picture.convert("RGBA"))
            array[: len(array) // 2, :, :3], array[: len(array) // 2, :, 3] = hidden, 0
            cut_out.append(Image.fromarray(array))
        shown.append(paint(*cut_out, keep_colors=keep_colors))
    visible = shown[0][..., 3] > 0
    assert visible.any()
    np.testing.assert_array_equal(shown[0][visible], shown[1][visible])


def test_tiles_too_small_to_compute_are_refused(photo, painting):
    with pytest.raises(ConfigError, match="tile_px is 200: give at least 224, or 0"):
        paint(photo, painting, tile_px=200)


def test_a_large_painting_beside_a_narrow_photo_counts_in_memory(painting, monkeypatch):
    monkeypatch.setattr(steps_module.tiles, "free_bytes", lambda device: 10**9)
    strip = drawn_photo(1024, 64)
    settings = complete(QUICK | {"size": 1024, "coarsest_px": 0, "steps": (1,)})
    small, large = (
        steps_module.plan(gather(strip, painting.resize(size), (), None), settings)
        for size in ((1024, 64), (1024, 1024))
    )
    assert small.tile_px is None
    assert large.tile_px is not None, "the painting whole would take more than half of what is free"
    roomy = 10**12
    monkeypatch.setattr(steps_module.tiles, "free_bytes", lambda device: roomy)
    whole = steps_module.plan(gather(strip, painting.resize((1024, 1024)), (), None), settings)
    assert whole.needed_bytes > 1024 * 1024 * 800


def test_a_very_narrow_photo_needs_a_larger_size(painting):
    with pytest.raises(DataError, match="from 160 up"):
        paint(drawn_photo(200, 20), painting)
    assert paint(drawn_photo(200, 20), painting, size=160, steps=(2,)).shape == (16, 160, 3)


def test_a_grey_photo_and_a_style_equal_to_the_content(photo, painting):
    grey = paint(photo.convert("L"), painting)
    assert grey.shape == (36, 48, 3)
    same = paint(photo, photo)
    assert difference(same, at(photo, (48, 36))) < 6


def test_strokes_grow_with_style_scale(photo):
    painting = drawn_painting(128)
    job = gather(photo, painting, (), None)
    sizes = []
    for style_scale in (0.5, 1.0, 2.0, 8.0):
        config = complete(QUICK | {"style_scale": style_scale})
        easel = set_up(job, config, (36, 48), torch.device("cpu"))
        sizes.append(easel.scene.paintings[0].image.shape[3])
    assert sizes == [24, 48, 96, 128]  # Never larger than it is.


def test_what_is_not_finite_is_said(photo, painting, monkeypatch):
    monkeypatch.setattr(steps_module, "FINITE_STEPS", 1)
    monkeypatch.setattr(
        steps_module.Objective,
        "__call__",
        lambda self, image: (torch.tensor(float("nan")), torch.zeros_like(image)),
    )
    with pytest.raises(TrainingError, match="not finite at step 1"):
        paint(photo, painting)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"preset": "best"}, "draft, default, high"),
        ({"strength": 1.5}, "strength is 1.5"),
        ({"style_layers": ("relu9_1",)}, "style_layers"),
        ({"layer_weights": (1.0,)}, "give one each"),
        ({"stroke": 1}, "stroke is not a setting"),
        ({"device": "cuda:99"}, "cuda:99"),
    ],
)
def test_wrong_settings_are_one_sentence(settings, part, photo, painting):
    with pytest.raises(ConfigError, match=part):
        paint(photo, painting, **settings)


def test_the_classic_has_its_own_defaults():
    classic = complete({"loss": "gram"})
    assert (classic.optimizer, classic.init, classic.coarsest_px) == ("lbfgs", "noise", 0)
    assert classic.steps == (500,)
    assert complete({"loss": "gram", "init": "content"}).init == "content"
    few = complete({"style_layers": ("relu1_1", "relu3_1")})
    assert few.layer_weights == (0.5, 0.5)


def test_what_is_not_a_size_is_refused():
    with pytest.raises(ConfigError, match="size"):
        complete({"size": "large"})
