"""Small pictures to train on; imported first, for it says where the studio cannot be tested."""

import os
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the studio needs pip install 'ganvas[studio]'")


def draw(folder: Path, number: int = 12, side: int = 24) -> Path:
    """Write small pictures that differ."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(number):
        noise = os.urandom(side * side * 3)
        Image.frombytes("RGB", (side, side), noise).save(folder / f"p{index:02d}.png")
    return folder
