"""Every notebook runs from a clean kernel, on built-in pictures and on a folder of anybody's."""

import ast
import os
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))

SHORT: dict[str, dict[str, Any]] = {
    "1-gan-in-pytorch.ipynb": {"STEPS_MLP": 2, "STEPS_DCGAN": 2, "MINUTES": 0.02},
    "2-gan-in-keras.ipynb": {
        "EPOCHS_MLP": 1,
        "EPOCHS_DCGAN": 1,
        "MOST_PICTURES": 40,
        "MINUTES": 0.02,
    },
    "3-style-transfer.ipynb": {"SIZE": 48, "STEPS": 2},
    "4-your-own-pictures.ipynb": {
        "MINUTES": 0.02,
        "RESOLUTION": 16,
        "REPAINTED_PX": 48,
        "MEASURED": 16,
    },
    "5-what-goes-wrong.ipynb": {"STEPS": 60, "KIMG": 1.0},
}
"""What the tests write behind the first code cell: the same names, shorter."""

OWN = {
    "1-gan-in-pytorch.ipynb": {"PICTURES": "photos"},
    "2-gan-in-keras.ipynb": {"PICTURES": "photos"},
    "3-style-transfer.ipynb": {"CONTENT": "photos/p03.jpg", "STYLE": "photos/sub/p08.JPEG"},
    "4-your-own-pictures.ipynb": {"PICTURES": "photos", "PHOTO": "photos/p03.jpg"},
    "5-what-goes-wrong.ipynb": {"PICTURES": "photos"},
}
"""And where they take other pictures from."""


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / name, as_version=4)


def first_code(notebook: nbformat.NotebookNode) -> int:
    return next(k for k, cell in enumerate(notebook.cells) if cell.cell_type == "code")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_committed_clean_and_begins_with_its_settings(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    assert (FOLDER / name).stat().st_size < 40_000
    assert notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
    settings = {
        target.id
        for line in ast.parse(notebook.cells[first_code(notebook)].source).body
        if isinstance(line, ast.Assign)
        for target in line.targets
        if isinstance(target, ast.Name)
    }
    assert settings >= SHORT[name].keys() | OWN[name].keys()


def make_photos(folder: Path) -> None:
    """Twelve usable JPEGs of every kind, one cut off, and a text."""
    (folder / "sub").mkdir(parents=True)
    drawn = np.random.default_rng(1)
    for k in range(12):
        width, height = (int(side) for side in drawn.integers(40, 200, 2))
        corners = drawn.integers(0, 256, (3, 4, 3), dtype=np.uint8)
        picture = Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC)
        mode = {4: "L", 5: "CMYK"}.get(k, "RGB")
        exif = Image.Exif()
        exif[0x0112] = 6 if k == 3 else 1  # lies on its side
        name = f"p{k:02d}.jpg" if k < 6 else f"sub/p{k:02d}.JPEG"
        picture.convert(mode).save(folder / name, "JPEG", exif=exif, progressive=k % 2 == 0)
    whole = (folder / "p00.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 3])
    (folder / "notes.txt").write_text("no picture")


@pytest.mark.slow
@pytest.mark.parametrize("pictures", ["builtin", "own"])
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(name: str, pictures: str, tmp_path: Path) -> None:
    notebook = read(name)
    values = SHORT[name] | (OWN[name] if pictures == "own" else {})
    if pictures == "own":
        make_photos(tmp_path / "photos")
    lines = "\n".join(f"{key} = {value!r}" for key, value in values.items())
    notebook.cells.insert(first_code(notebook) + 1, nbformat.v4.new_code_cell(lines))
    resources = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(notebook, timeout=200, kernel_name="python3", resources=resources)
    client.execute(env=environment(tmp_path))
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", ())]
    said = "".join(one.text for one in outputs if one.output_type == "stream")
    complaints = [one.text for one in outputs if one.get("name") == "stderr"]
    assert not [text for text in complaints if "font cache" not in text]
    assert sum("image/png" in one.get("data", {}) for one in outputs) >= 4
    if "PICTURES" in OWN[name] and pictures == "own":
        assert "12 usable" in said or "12 pictures, 3 channel(s); 2 files skipped" in said


def environment(folder: Path) -> dict[str, str]:
    """What the kernel sees: its own cache and folders, one thread."""
    mine = {
        "GANVAS_CACHE": str(folder / "cache"),
        "KERAS_HOME": str(folder / "keras"),
        "IPYTHONDIR": str(folder / "ipython"),
        "OMP_NUM_THREADS": "1",
    }
    return dict(os.environ) | mine
