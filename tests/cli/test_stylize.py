"""`ganvas stylize` as a user types it."""

import itertools
import sys

import numpy as np
import pytest
from PIL import Image

from ganvas.cli import painting
from ganvas.cli.interrupt import StopRequest

FAST = "--size 32 --coarsest-px 20 --steps 4 3 --precision fp32 --device cpu"


def opened(path) -> Image.Image:
    """Open a picture and close its file; what was read stays."""
    with Image.open(path) as image:
        image.load()
        return image


@pytest.fixture
def pictures(workplace):
    """A photo and a painting beside the folder `photos`."""
    generator = np.random.default_rng(1)
    for name in ("photo", "painting"):
        noise = generator.integers(0, 256, (5, 6, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((48, 40)).save(workplace / f"{name}.png")
    Image.new("L", (48, 40), 255).save(workplace / "mask.png")
    return workplace


@pytest.mark.parametrize(
    ("line", "code", "part"),
    [
        ("photo.png -o out.png", 2, "STYLE is missing"),
        ("photo.png painting.png", 2, "--out"),
        ("photo.png painting.png -o out.bmp", 2, "out.bmp must end in .png"),
        ("photo.png painting.png -o out.png --strength 2", 2, "strength is 2.0"),
        ("photo.png painting.png -o out.png --preset best", 2, "draft, default, high"),
        ("photo.png painting.png -o out.png --loss style", 2, '"w2", "gram"'),
        ("photo.png painting.png -o out.png --film out.avi", 2, ".webp, .gif or .mp4"),
        ("photo.png painting.png -o out.png --save-steps 0", 2, "at least 1"),
        ("no.png painting.png -o out.png", 1, "no.png: cannot be opened: No such file"),
        ("photo.png no.png -o out.png", 1, "no.png: cannot be opened"),
        ("photo.png painting.png -o out.png --mask photos/p00.png", 2, "20 x 20 px does not fit"),
        ("photo.png painting.png -o out.png --style-weights 1 2", 2, "2 style weights for 1"),
        ("photos painting.png -o out.png", 2, "photos is a folder"),
        ("photos painting.png -o out --mask mask.png", 2, "belong to one photo"),
    ],
)
def test_what_goes_wrong_is_one_helpful_sentence(line, code, part, typed, pictures):
    returned, _, err = typed(f"stylize {line}")
    assert returned == code
    assert err.startswith("ganvas: ")
    assert err.count("\n") == 1
    assert part in err
    assert not (pictures / "out.png").exists()


def test_one_photo_with_steps_and_a_film(typed, pictures):
    line = (
        f"stylize photo.png painting.png -o made/out.png --save-steps 5 --film made/f.webp {FAST}"
    )
    code, out, err = typed(line)
    assert (code, err) == (0, "")
    made = pictures / "made"
    assert sorted(path.name for path in made.iterdir()) == ["f.webp", "out-00005.png", "out.png"]
    assert opened(made / "out.png").size == (32, 27)
    assert opened(made / "out-00005.png").size == (32, 27)
    assert opened(made / "f.webp").n_frames > 4  # Equal ones are one
    lines = out.splitlines()
    assert lines[0].startswith("paint  32 x 27 px in 2 scales, 7 steps on cpu in fp32, about ")
    assert "scale 1 of 2" in lines[1]
    assert lines[-1] == "Done: made/out.png"


def test_flags_reach_the_painting(typed, pictures):
    for name, flags in {
        "a": "",
        "b": "--strength 0",
        "c": "--mask mask.png",
        "d": "--seed 3",
    }.items():
        assert typed(f"stylize photo.png painting.png -o {name}.png {FAST} {flags}")[0] == 0
    a, b, c, d = (np.asarray(opened(pictures / f"{name}.png")).astype(int) for name in "abcd")
    assert np.array_equal(a, c)
    assert np.array_equal(a, d)
    photo = opened(pictures / "photo.png").resize((32, 27), Image.Resampling.LANCZOS)
    assert np.abs(b - np.asarray(photo)).max() <= 1
    assert np.abs(a - b).mean() > 5


def test_a_folder_of_photos(typed, pictures):
    (pictures / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    for path in sorted((pictures / "photos").iterdir())[3:]:
        path.unlink()
    code, out, err = typed(f"stylize photos painting.png -o made {FAST}")
    assert (code, err) == (0, "")
    assert sorted(path.name for path in (pictures / "made").iterdir()) == ["p00.png", "p01.png"]
    assert "skipped  photos/broken.png: damaged" in out
    assert out.splitlines()[-1] == "Done: 2 in made, 1 skipped."


@pytest.mark.parametrize(
    "line",
    [
        "photo.png painting.png -o .",
        "photo.png painting.png -o painting.png",
        "photo.png painting.png -o mask.png --mask mask.png",
        "photo.png painting.png -o mask.png --protect mask.png",
        "photo.png painting.png -o mask.png --init mask.png",
        "photos painting.png -o photos",
    ],
)
def test_no_picture_that_is_read_is_written_over(line, typed, pictures):
    before = {path: path.read_bytes() for path in sorted(pictures.rglob("*.png"))}
    code, _, err = typed(f"stylize {line} {FAST}")
    assert code == 2
    assert "is read, so it cannot be written: choose another -o" in err
    assert {path: path.read_bytes() for path in sorted(pictures.rglob("*.png"))} == before


@pytest.fixture
def two_photos(pictures):
    for path in sorted((pictures / "photos").iterdir())[2:]:
        path.unlink()
    return pictures


def test_photos_of_one_name_get_results_of_two(typed, two_photos):
    photos = two_photos / "photos"
    opened(photos / "p00.png").convert("RGB").save(photos / "p00.jpg")
    (photos / "p").mkdir()
    (photos / "p01.png").rename(photos / "p" / "a.png")
    opened(photos / "p" / "a.png").save(photos / "p-a.png")
    code, out, _ = typed(f"stylize photos painting.png -o made {FAST}")
    assert code == 0
    made = sorted(path.name for path in (two_photos / "made").iterdir())
    assert len(made) == 4
    assert {"p00.png", "p-a.png"} < set(made)
    assert out.splitlines()[-1] == "Done: 4 in made, 0 skipped."


def test_what_a_folder_has_beside_photos_is_named(typed, two_photos):
    photos = two_photos / "photos"
    (photos / "raw.nef").write_bytes(b"raw")
    Image.new("RGB", (600, 17)).save(photos / "narrow.png")
    code, out, _ = typed(f"stylize photos painting.png -o made {FAST}")
    assert code == 0
    assert "skipped  raw.nef: " in out
    assert "skipped  the photo is so narrow (600 x 17 px)" in out
    assert out.splitlines()[-1] == "Done: 2 in made, 2 skipped."


def test_a_missing_painting_is_told_once(typed, two_photos):
    code, out, err = typed(f"stylize photos nothing.png -o made {FAST}")
    assert (code, out) == (1, "")
    assert err.count("nothing.png") == 1


def test_a_stop_at_the_last_step_leaves_the_finished_picture(typed, pictures, monkeypatch):
    assert typed(f"stylize photo.png painting.png -o whole.png {FAST}")[0] == 0
    asked = iter([False] * 6 + [True])
    monkeypatch.setattr(StopRequest, "__call__", lambda self: next(asked))
    code, out, _ = typed(f"stylize photo.png painting.png -o out.png {FAST}")
    assert (code, out.splitlines()[-1]) == (0, "Done: out.png")
    assert (pictures / "out.png").read_bytes() == (pictures / "whole.png").read_bytes()


def test_a_stop_between_two_photos_ends_the_folder(typed, two_photos, monkeypatch):
    asked = itertools.chain([False] * 6, itertools.repeat(True))
    monkeypatch.setattr(StopRequest, "__call__", lambda self: next(asked))
    assert typed(f"stylize photos painting.png -o made {FAST}")[0] == 130
    assert [path.name for path in (two_photos / "made").iterdir()] == ["p00.png"]


@pytest.mark.parametrize(
    ("name", "kind"), [("out.jpg", "JPEG"), ("out.webp", "WEBP"), ("made", "PNG")]
)
def test_kinds_of_files(name, kind, typed, pictures):
    (pictures / "made").mkdir()
    assert typed(f"stylize photo.png painting.png -o {name} {FAST}")[0] == 0
    written = pictures / name / "photo.png" if name == "made" else pictures / name
    assert opened(written).format == kind


def test_a_stop_keeps_the_picture_so_far(typed, pictures, monkeypatch):
    asked = iter([False, False, True])
    monkeypatch.setattr(StopRequest, "__call__", lambda self: next(asked))
    code, out, _ = typed(f"stylize photo.png painting.png -o out.png {FAST}")
    assert code == 130
    assert out.splitlines()[-1] == "Stopped: out.png is the picture so far, 23 x 19 px."
    assert opened(pictures / "out.png").size == (23, 19)


def test_opacity_goes_into_png_and_becomes_paper_in_jpeg(tmp_path):
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    painting.write_picture(tmp_path / "a.png", clear)
    painting.write_picture(tmp_path / "a.jpg", clear)
    assert opened(tmp_path / "a.png").getpixel((3, 3)) == (0, 0, 0, 0)
    assert opened(tmp_path / "a.jpg").getpixel((3, 3)) == (255, 255, 255)


def test_a_tiff_has_sixteen_bits(typed, pictures):
    tifffile = pytest.importorskip("tifffile")
    clear = opened(pictures / "photo.png").convert("RGBA")
    clear.putalpha(200)
    clear.save(pictures / "clear.png")
    assert typed(f"stylize clear.png painting.png -o out.tif {FAST}")[0] == 0
    levels = tifffile.imread(pictures / "out.tif")
    assert (levels.shape, levels.dtype) == ((27, 32, 4), np.uint16)
    assert len(np.unique(levels[..., 0])) > 300
    assert np.all(levels[..., 3] == 200 * 257)


def test_without_the_library_a_tiff_is_refused_before_the_work(typed, pictures, monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    code, out, err = typed(f"stylize photo.png painting.png -o out.tif {FAST}")
    assert (code, out) == (1, "")
    assert "pip install 'ganvas[tiff]'" in err
