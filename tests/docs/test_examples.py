"""Every Python block of the pages runs as it stands, on tiny pictures and with short loops.

The blocks of a page run in order, in one namespace that begins with `ganvas` and `G`, a generator.
Their folder has `photos/`, `photo.jpg`, `painting.jpg`, two latent.json, and `digits.onnx`,
`digits.keras` where a page reads them. What cannot run here is a block of another kind than
`python`.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from pages import PAGES, blocks, name
from PIL import Image

import ganvas
from ganvas.core.config import merge
from ganvas.latent import project, walk
from ganvas.latent.stations import Found
from ganvas.models.base import seeded_latents
from ganvas.style import api as style_api
from ganvas.style.inputs import BUILTIN
from ganvas.training import api as training_api

WITH_PYTHON = [page for page in PAGES if any(one.info == "python" for one in blocks(page))]
SLOW = {"README.md", "docs/export.md", "docs/training.md", "docs/tutorial.md"}
TINY = {
    "kimg": 0.016,
    "minutes": None,
    "batch_size": 8,
    "device": "cpu",
    "precision": "fp32",
    "data": {"resolution": 16},
    "model": {"arch": "dcgan", "width": 4, "z_dim": 100},
    "run": {"evaluate_images": 0, "sample_seeds": 4},
}
STEPS = 2


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and a run; only to be copied."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "photos").mkdir()
    cat = Image.open(BUILTIN / "cat.jpg")
    for k in range(16):
        cat.crop((20 * k, 20, 20 * k + 20, 40)).save(folder / f"photos/{k}.png")
    cat.resize((48, 32)).save(folder / "photo.jpg")
    Image.open(BUILTIN / "flow.jpg").resize((48, 32)).save(folder / "painting.jpg")
    shutil.copy(folder / "photos/3.png", folder / "photo.png")
    for part in ("a", "b"):
        found = Found(space="z", latent=(tuple(seeded_latents([7], 100)[0].tolist()),))
        (folder / part).mkdir()
        (folder / part / "latent.json").write_text(json.dumps(found.to_dict()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(folder / "cache"))
        make_tiny(patch)
        ganvas.train(folder / "photos", runs=folder / "runs")
    return folder


def make_tiny(patch: pytest.MonkeyPatch) -> None:
    """Let whatever is trained or painted be small."""
    train, style = training_api.complete, style_api.complete
    small = {"size": 48, "preset": "draft", "coarsest_px": 0, "steps": (STEPS,)}
    patch.setattr(
        training_api,
        "complete",
        lambda images, wanted, found: train(images, merge(wanted, TINY), found),
    )
    patch.setattr(style_api, "complete", lambda wanted: style(wanted | small))


@pytest.fixture
def prepared(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder to work in, with all loops cut short."""
    folder = shutil.copytree(trained, tmp_path / "work")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GANVAS_CACHE", str(folder / "cache"))
    make_tiny(monkeypatch)
    monkeypatch.setattr(ganvas, "train_steps", cut(ganvas.train_steps))
    monkeypatch.setattr(ganvas, "stylize_steps", cut(ganvas.stylize_steps))
    monkeypatch.setattr(project, "project_steps", cut(project.project_steps, candidates=4))
    monkeypatch.setattr(walk, "path", cut(walk.path))
    return folder


def cut(steps: Callable[..., Iterator[Any]], **settings: Any) -> Callable[..., Iterator[Any]]:
    """The same iterator, ended early."""
    return lambda *given, **named: islice(partial(steps, **settings)(*given, **named), STEPS)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if name(page) in SLOW else [], id=name(page))
        for page in WITH_PYTHON
    ],
)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on torch
def test_python_runs(page: Path, prepared: Path) -> None:
    G = ganvas.load_generator("runs/00001-photos-16")
    code = [block for block in blocks(page) if block.info == "python"]
    for kind in ("onnx", "keras"):
        if any(f"digits.{kind}" in block.text for block in code):
            ganvas.export("runs/00001-photos-16", f"digits.{kind}")
    names: dict[str, Any] = {"ganvas": ganvas, "G": G}
    for block in code:
        exec(compile("\n" * block.line + block.text, name(page), "exec"), names)


def test_blocks_are_of_known_kinds() -> None:
    kinds = {block.info for page in PAGES for block in blocks(page)}
    assert kinds <= {"", "bash", "json", "python", "text"}
    assert {name(page) for page in WITH_PYTHON} >= SLOW
    # Blocks that look like Python are run, or marked as what they are.
    for page in PAGES:
        for block in blocks(page):
            assert block.info or "import ganvas" not in block.text, f"{name(page)}:{block.line}"


def test_json_is_json() -> None:
    found = [block for page in PAGES for block in blocks(page) if block.info == "json"]
    for block in found:
        json.loads(block.text)
    assert found
