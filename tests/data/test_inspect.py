"""Inspecting: the facts are right, bad pictures are found, and training finds the work done."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganvas.core.errors import ConfigError, DataError
from ganvas.data import filling, prepared
from ganvas.data.config import DataConfig
from ganvas.data.counting import count
from ganvas.data.inspect import inspect
from ganvas.data.inspection import choose_resolution
from ganvas.data.scan import scan
from ganvas.data.store import prepare


@pytest.fixture(autouse=True)
def cache_dir(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path_factory.mktemp("cache")))


def save(path, size, *, mode="RGB", seed=0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = len(Image.new(mode, (1, 1)).getbands())
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], bands), np.uint8)
    Image.fromarray(noise[..., 0] if bands == 1 else noise, mode).save(path, **options)
    return path


@pytest.fixture
def zoo(tmp_path):
    """Four usable pictures of two classes, and one of every common fault."""
    folder = tmp_path / "zoo"
    save(folder / "cats" / "square.png", (40, 40), seed=1)
    save(folder / "cats" / "wide.png", (160, 90), mode="RGBA", seed=2)
    save(folder / "dogs" / "photo.jpg", (80, 120), seed=3)
    save(folder / "dogs" / "strip.png", (300, 30), mode="L", seed=4)
    shutil.copy(folder / "cats" / "square.png", folder / "dogs" / "square.png")
    whole = save(folder / "dogs" / "cut.jpg", (200, 200), seed=5).read_bytes()
    (folder / "dogs" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    save(folder / "dogs" / "tiny.png", (4, 30))
    (folder / "dogs" / "empty.png").touch()
    (folder / "dogs" / "notes.txt").write_text("good boys")
    return folder


def test_facts_are_counted_over_the_usable_pictures(zoo):
    found = inspect(zoo, classes="folders").to_dict()
    assert found["images"] == str(zoo)
    assert found["usable"] == 4
    assert found["classes"] == {"cats": 2, "dogs": 2}
    assert found["modes"] == {"RGB": 2, "RGBA": 1, "L": 1}
    assert found["formats"] == {"PNG": 3, "JPEG": 1}
    assert found["aspect_ratios"] == {"1:1": 1, "16:9": 1, "2:3": 1, "wider": 1}
    assert found["sizes"] == {"min": [40, 30], "median": [120, 65], "max": [300, 120]}
    assert found["native_px"] == 60
    assert (found["transparent"], found["animated"]) == (1, 0)
    assert (found["grey"], found["channels"]) == (False, 3)
    assert json.loads(json.dumps(found)) == found


def test_every_skipped_file_is_listed_and_counted_by_reason(zoo):
    found = inspect(zoo)
    assert [one.name for one in found.skipped] == [
        "dogs/cut.jpg",
        "dogs/empty.png",
        "dogs/notes.txt",
        "dogs/square.png",
        "dogs/tiny.png",
    ]
    assert found.copies == 1
    assert found.reasons["a copy"] == found.reasons["too small"] == found.reasons["empty"] == 1
    assert sum(found.reasons.values()) == 5


def test_pictures_that_hardly_differ_are_named_the_largest_first(tmp_path):
    entry = scan("builtin:emoji").entries[0]
    with entry.open() as file, Image.open(file) as image:
        picture = image.convert("RGB")
    picture.resize((40, 40)).save(tmp_path / "a small.png")
    picture.save(tmp_path / "b rough.jpg", quality=60)
    picture.save(tmp_path / "c whole.png")
    save(tmp_path / "d other.png", (64, 64))
    found = inspect(tmp_path)
    assert found.alike == (("c whole.png", "a small.png", "b rough.jpg"),)
    assert (found.usable, found.skipped) == (4, ())
    assert inspect(tmp_path) == found


def test_only_one_class_is_counted_when_only_that_is_used(zoo):
    found = inspect(zoo, only="cats")
    assert found.usable == 2
    assert found.skipped == ()


def test_usable_and_skipped_are_those_of_preparation(zoo):
    store = prepare(zoo, DataConfig(resolution=32))
    found = inspect(zoo)
    assert found.usable == len(store)
    assert found.skipped == store.skipped


def test_sizes_are_those_of_the_upright_file_not_of_the_draft(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    save(tmp_path / "photo.jpg", (2000, 1000), exif=turned)
    assert inspect(tmp_path).sizes["max"] == (1000, 2000)


@pytest.mark.parametrize(
    ("mode", "background", "grey"),
    [
        ("L", "#ffffff", True),
        ("LA", "#101010", True),
        ("L", "#fffffe", False),
        ("RGB", "#ffffff", False),
    ],
)
def test_grey_means_that_no_colour_can_come_in(tmp_path, mode, background, grey):
    save(tmp_path / "a.png", (30, 30), mode="L")
    save(tmp_path / "b.png", (30, 30), mode=mode, seed=1)
    found = inspect(tmp_path, settings={"background": background})
    assert (found.grey, found.channels) == (grey, 1 if grey else 3)


def test_grey_pictures_saved_as_rgb_are_grey(tmp_path):
    save(tmp_path / "a.png", (30, 30), mode="L")
    with Image.open(tmp_path / "a.png") as image:
        image.convert("RGB").save(tmp_path / "b.jpg")
    assert inspect(tmp_path).grey


@pytest.mark.parametrize(
    ("native_px", "resolution"),
    [
        *[(1, 16), (16, 16), (27, 16), (28, 32), (32, 32), (55, 32), (56, 64), (64, 64)],
        *[(100, 64), (5000, 64)],
    ],
)
def test_resolution_is_the_power_of_two_that_is_nearly_filled(native_px, resolution):
    assert choose_resolution(native_px) == resolution


@settings(deadline=None)
@given(native_px=st.floats(1, 10_000), most_px=st.sampled_from([16, 32, 64, 128]))
def test_resolution_stays_within_its_limits(native_px, most_px):
    size = choose_resolution(native_px, most_px=most_px)
    assert 16 <= size <= most_px
    assert size & (size - 1) == 0
    assert size == 16 or size <= native_px * 8 / 7


def test_resolution_asked_for_is_kept(zoo):
    assert inspect(zoo).resolution == 64
    assert inspect(zoo, settings={"resolution": 100}).resolution == 100
    with pytest.raises(ConfigError, match="resolution"):
        inspect(zoo, settings={"resolution": 0})


def test_nothing_is_decoded_twice(zoo, monkeypatch):
    first = inspect(zoo, classes="folders", settings={"resolution": 32, "fit": "pad"})
    monkeypatch.setattr(filling, "decode_all", lambda *_, **__: pytest.fail("decoded again"))
    settings = {"resolution": 32, "fit": "pad"}
    assert inspect(zoo, classes="folders", settings=settings) == first
    config = DataConfig(resolution=32, fit="pad", classes="folders")
    assert prepare(zoo, config).images.shape == (4, 32, 32, 3)


def test_pictures_that_all_fail_are_a_finding_not_an_error(tmp_path):
    (tmp_path / "a.png").touch()
    found = inspect(tmp_path)
    assert (found.usable, found.reasons) == (0, {"empty": 1})
    assert json.dumps(found.to_dict())


def test_a_folder_without_any_picture_is_an_error(tmp_path):
    with pytest.raises(DataError, match="No pictures"):
        inspect(tmp_path)


def test_a_picture_that_changes_is_inspected_again(zoo):
    before = inspect(zoo)
    save(zoo / "dogs" / "tiny.png", (30, 30), seed=9)
    os.utime(zoo / "dogs" / "tiny.png", (1, 1))
    assert inspect(zoo).usable == before.usable + 1


@pytest.mark.parametrize("text", ["", "[]", '{"usable": 3}'])
def test_damaged_counts_are_counted_anew(zoo, tmp_path, text):
    first = inspect(zoo, cache_dir=tmp_path / "cache")
    (kept,) = (tmp_path / "cache").rglob(prepared.INSPECTION)
    kept.write_text(text)
    assert inspect(zoo, cache_dir=tmp_path / "cache") == first


@pytest.mark.parametrize(
    ("classes", "settings"),
    [("none", {}), ("folders", {"background": "#ff0000"}), ("none", {"min_size_px": 29})],
)
def test_what_is_known_of_digits_is_what_would_be_counted(classes, settings, tmp_path):
    known = inspect("builtin:digits", classes=classes, only="7", settings=settings)
    config = DataConfig(classes=classes, only="7", **settings)
    found = scan("builtin:digits", classes=classes, only="7")
    counted = count(found, config, cache_dir=tmp_path, processes=1, progress=None)
    # Strokes for a 1 or a 7 are alike; of digits that is no news.
    assert known == dataclasses.replace(counted, alike=())
    assert (tmp_path / "pictures").exists()


def test_digits_are_known_without_looking(monkeypatch):
    monkeypatch.setattr(filling, "decode_all", lambda *_, **__: pytest.fail("decoded"))
    assert inspect("builtin:digits").usable == 5000


@pytest.mark.slow
def test_no_digit_is_a_copy_of_another(tmp_path):
    found, config = scan("builtin:digits"), DataConfig()
    counted = count(found, config, cache_dir=tmp_path, processes=2, progress=None)
    assert dataclasses.replace(counted, alike=()) == inspect("builtin:digits")
