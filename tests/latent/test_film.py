"""Films of every kind hold the frames they were given, and say what they lack."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_generate import network

from ganvas.core.errors import ConfigError, MissingExtraError
from ganvas.latent.film import check_film, to_frames, write_film
from ganvas.latent.walk import walk

GREYS = (20, 120, 220)


def frames(size: int = 40) -> list[Image.Image]:
    return [Image.new("RGB", (size, size), (grey, grey, grey)) for grey in GREYS]


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_a_film_holds_its_frames(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"film{suffix}"
    write_film(out, iter(frames()), [40, 40, 200])
    with Image.open(out) as film:
        assert film.n_frames == 3
        for k, grey in enumerate(GREYS):
            film.seek(k)
            assert abs(float(np.asarray(film.convert("RGB")).mean()) - grey) < 3
            assert film.info["loop"] == 0


def test_an_mp4_repeats_what_stays_longer_and_takes_odd_sizes(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    out = tmp_path / "film.mp4"
    write_film(out, iter(frames(size=33)), [40, 40, 200])
    with av.open(str(out)) as container:
        found = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert float(container.streams.video[0].average_rate) == 25
    assert [picture.shape for picture in found] == [(34, 34, 3)] * 7
    levels = [round(float(picture.mean()), -1) for picture in found]
    assert levels == [20, 120, 220, 220, 220, 220, 220]


def test_without_pyav_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ganvas\[video\]'"):
        check_film(Path("film.mp4"))
    with pytest.raises(ConfigError, match=r"must end in \.webp, \.gif or \.mp4"):
        check_film(Path("film.avi"))


def test_small_pictures_grow_by_a_whole_factor() -> None:
    images = torch.rand(2, 1, 24, 24) * 2 - 1
    first, _ = to_frames(images)
    assert first.size == (264, 264)
    pixels = np.asarray(first)[..., 0]
    expected = ((images[0, 0] + 1) * 127.5).round().to(torch.uint8).numpy()
    np.testing.assert_array_equal(pixels[::11, ::11], expected)
    np.testing.assert_array_equal(pixels[10::11, 10::11], expected)
    assert to_frames(torch.zeros(1, 3, 300, 300))[0].size == (300, 300)


def test_a_walk_becomes_a_film(tmp_path: Path) -> None:
    out = tmp_path / "walk.webp"
    assert walk(network("resnet"), [0, 1, 2], out, seconds=0.4) == 10
    with Image.open(out) as film:
        assert film.n_frames == 10
        assert film.size == (256, 256)
