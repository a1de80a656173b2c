"""The animation has one size, the order of the clock and an honest end."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.core.errors import ConfigError, RunError
from ganvas.latent.timelapse import CAPTION_PX, timelapse
from ganvas.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = RunFolder.create(tmp_path / "runs", None, "x")
    made.write_config({"format": 1})
    return made


def add(run: RunFolder, nimg: int, colour: int, size: int = 64, mode: str = "RGB") -> None:
    grey = Image.new("L", (size, size), colour)
    grey.convert(mode).save(run.samples_path(nimg))


def frames(path: Path) -> list[tuple[np.ndarray, int]]:
    found = []
    with Image.open(path) as image:
        for k in range(getattr(image, "n_frames", 1)):
            image.seek(k)
            pixels = np.asarray(image.convert("RGB"))
            found.append((pixels, image.info.get("duration", 0)))
    return found


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_grids_of_any_size_become_frames_of_one(run: RunFolder, suffix: str) -> None:
    add(run, 10_000, 200)
    add(run, 2_560, 100, size=32, mode="L")
    add(run, 0, 0)
    out = run.path / f"learn{suffix}"
    assert timelapse(run.path, out, seconds=3) == out
    found = frames(out)
    assert [pixels.shape for pixels, _ in found] == [(64 + CAPTION_PX, 64, 3)] * 3
    assert [round(float(pixels[:64].mean()), -1) for pixels, _ in found] == [0, 100, 200]
    assert all(pixels[64:].min() < 100 < pixels[64:].mean() for pixels, _ in found)
    if suffix == ".gif":
        assert [duration for _, duration in found] == [1000, 1000, 8000]


def test_many_grids_are_thinned_and_large_ones_shrunk(run: RunFolder) -> None:
    for k in range(20):
        add(run, 1000 * k, 12 * k, size=100)
    out = timelapse(run.path, run.path / "t.gif", max_frames=5, max_px=50, caption=False)
    found = frames(out)
    assert [pixels.shape for pixels, _ in found] == [(50, 50, 3)] * 5
    levels = [float(pixels.mean()) for pixels, _ in found]
    np.testing.assert_allclose(levels, [0, 60, 120, 168, 228], atol=4)


def test_what_cannot_be_animated(run: RunFolder) -> None:
    with pytest.raises(RunError, match="no sample grids yet"):
        timelapse(run.path, run.path / "t.gif")
    with pytest.raises(ConfigError, match=r"must end in \.webp, \.gif or \.mp4"):
        timelapse(run.path, run.path / "t.avi")
    add(run, 0, 0)
    with pytest.raises(RunError, match=r"cannot be written: No such file"):
        timelapse(run.path, run.path / "nowhere" / "t.gif")
