"""Real `ganvas` processes in a folder of their own, on 16 tiny pictures."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Run = Callable[..., subprocess.CompletedProcess[str]]

TINY = (
    "--arch=mlp",
    "--resolution=16",
    "--batch-size=8",
    "--device=cpu",
    "--precision=fp32",
    "--model.z-dim=8",
    "--run.evaluate-images=0",
    "--run.sample-seeds=4",
)
"""Flags of a training that takes a second."""


def environment(folder: Path) -> dict[str, str]:
    """Everything a test's process sees: its own cache, a fixed width, no colours, one thread."""
    mine = {
        "GANVAS_CACHE": str(folder / "cache"),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "PYTHONUTF8": "1",
        "OMP_NUM_THREADS": "1",
    }
    taken = {name: value for name, value in os.environ.items() if not name.startswith("GANVAS_")}
    return taken | mine


def make_pictures(folder: Path) -> None:
    """Write 16 random pictures of 20 px."""
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (16, 20, 20, 3), dtype=np.uint8)
    for index, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"p{index:02d}.png")


def runner(folder: Path) -> Run:
    """Return a function that runs `ganvas` in `folder` and captures what it says."""

    def run(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ganvas", *args],
            cwd=folder,
            env=environment(folder) | (env or {}),
            capture_output=True,
            text=True,
            timeout=240,
            stdin=subprocess.DEVNULL,
        )

    return run
