"""Portraits and landscapes from a folder to a film, for every architecture that makes them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganvas
from ganvas.core.errors import ConfigError
from ganvas.latent.project import project_steps, read_target
from ganvas.latent.timelapse import timelapse
from ganvas.latent.walk import walk
from ganvas.models import registry
from ganvas.runs.folder import RunFolder
from ganvas.runs.generator_file import read_header
from ganvas.training.chart import draw_chart
from ganvas.training.configure import complete, look
from ganvas.training.evaluation import evaluate_run
from ganvas.training.events import Finished
from ganvas.training.session import session_steps

MODELS = {
    "mlp": {"hidden_g": [16], "hidden_d": [16]},
    "dcgan": {"width": 4},
    "resnet": {"width": 0.07},
    "stylegan2": {"base": 64, "most": 8, "w_dim": 8},
    "fastgan": {"width": 4},
    "vae": {"width": 4},
}
CANVASES = {
    "mlp": "21x30",
    "dcgan": "32x48",
    "resnet": "32x24",
    "stylegan2": "24x32",
    "fastgan": "32x48",
    "vae": "48x32",
}
SIZES = ((20, 31), (90, 61), (40, 40), (33, 120))


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("ganvas.training.session.VERY_FEW", 0)
    torch.set_num_threads(1)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """16 pictures of odd sizes."""
    drawn, folder = np.random.default_rng(1), tmp_path / "photos"
    folder.mkdir()
    for number in range(16):
        width, height = SIZES[number % len(SIZES)]
        pixels = drawn.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def train(photos: Path, arch: str, resolution: str) -> RunFolder:
    wanted = {
        "data": {"resolution": resolution},
        "model": {"arch": arch, "z_dim": 8} | MODELS.get(arch, {}),
        "run": {"evaluate_images": 0, "sample_seeds": 4, "snapshot_kimg": 0.016},
        "batch_size": 8,
        "kimg": 0.032,
        "minutes": None,
        "precision": "fp32",
        "device": "cpu",
    }
    config = complete(str(photos), wanted, look(str(photos), wanted))
    *_, finished = session_steps(config, root=photos.parent / "runs")
    assert isinstance(finished, Finished)
    return RunFolder.open(finished.run)


@pytest.mark.parametrize(("arch", "resolution"), CANVASES.items())
def test_a_run_is_oblong_from_the_store_to_new_pictures(
    photos: Path, arch: str, resolution: str
) -> None:
    run = train(photos, arch, resolution)
    width, height = map(int, resolution.split("x"))
    assert run.path.name == f"00001-photos-{resolution}"
    assert run.config["data"]["resolution"] == resolution
    sheet = (2 * (width + 2) + 2, 2 * (height + 2) + 2)
    for path in (run.samples()[-1][1], run.path / "reals.png"):
        with Image.open(path) as grid:
            assert grid.size == sheet
    assert read_header(run.path / "generator.safetensors")["resolution"] == resolution
    assert f"Seen as | {width} x {height} px" in (run.path / "README.md").read_text()
    G = ganvas.load_generator(run.path)
    assert [picture.size for picture in ganvas.generate(G, seeds=range(3))] == [(width, height)] * 3
    # The same command again: the run is found and finished.
    assert train(photos, arch, resolution).path == run.path


@pytest.mark.parametrize("arch", sorted(set(registry.names()) - set(MODELS)))
def test_the_others_refuse_it(photos: Path, arch: str) -> None:
    with pytest.raises(ConfigError, match=f"model.arch {arch} makes square pictures only"):
        train(photos, arch, "32x48")
    assert not (photos.parent / "runs").exists()


def test_what_is_done_with_a_run_works_with_portraits(photos: Path, tmp_path: Path) -> None:
    run = train(photos, "resnet", "32x48")
    G = ganvas.load_generator(run.path)
    walk(G, [0, 1], tmp_path / "walk.webp", seconds=0.2)
    timelapse(run.path, tmp_path / "learn.webp")
    with Image.open(tmp_path / "walk.webp") as film:
        assert film.size == (256, 384)
    target = read_target(photos / "1.png", G)
    assert target.shape == (1, 3, 48, 32)
    *_, last = project_steps(G, target, num_steps=2, candidates=4)
    assert last.image.shape == target.shape
    ganvas.export(run.path, tmp_path / "page.html")
    draw_chart(run, tmp_path / "doctor.png")
    scores = evaluate_run(run.path, ("kid", "fd", "prdc", "diversity", "ms_ssim", "copies"), num=8)
    assert all(np.isfinite(value) for key, value in scores.items() if key.startswith("metric/"))
    with Image.open(scores["copies"]) as pairs:
        assert pairs.width == 2 * 34 + 2
        assert (pairs.height - 2) % 50 == 0
