"""Seconds a repainted photo takes, and how good it is: ours, the tutorials', the long schedule.

    python benchmarks/style_speed.py ../shared/data/photos ../shared/data/paintings

- ours: the default, and draft.
- tutorial: Gram matrices and L-BFGS, 500 evaluations at full size from the photo, in fp32: what
  every tutorial does. tutorial_bf16 is the same with our arithmetic.
- roots: the Wasserstein loss by autograd through Newton-Schulz iterations, all layers at every
  scale, 1,000 steps at 128 px and 500 at each next one, in fp32: what careful tools do.

All of them run through our own code, which loads pictures once and keeps freed memory, so ratios
are of the method alone. The critic is another network, and patches without any (`critic.py`). One
JSON line a cell; cells that stand in the results are skipped; pictures lie beside them.
"""

import argparse
import time
from collections import deque
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from cells import missing, record
from critic import content_distance, patch_distance, style_distance
from torch import Tensor

from ganvas.style.config import complete
from ganvas.style.losses import Gaussian, covariance
from ganvas.style.steps import StyleReport, stylize_steps

RESULTS = Path(__file__).parent / "results"
PAIRS = {
    ("kodim04", "vangogh_self_portrait_1887"): 256,
    ("skimage_chelsea", "picabia_udnie_1913"): 256,
    ("kodim23", "hokusai_great_wave_1831"): 256,
    ("skimage_coffee", "munch_scream_1893"): 256,
    ("skimage_astronaut", "vangogh_starry_night_1889"): 512,
}
CONTENDERS: dict[str, dict[str, Any]] = {
    "ours": {},
    "draft": {"preset": "draft"},
    "tutorial": {"loss": "gram", "init": "content", "precision": "fp32"},
    "tutorial_bf16": {"loss": "gram", "init": "content"},
    "roots": {
        "steps": (1000, 500),
        "learning_rate": 0.04,
        "final_rate": 0.04,
        "tangent_steps": 1,
        "shallow_px": 0,
        "precision": "fp32",
    },
}
ROOT_STEPS = 12


def through_roots(mean: Tensor, second: Tensor, target: Gaussian, _tangent: None) -> Tensor:
    """The Wasserstein loss with a matrix root that autograd walks through."""
    spread = target.root @ covariance(mean, second) @ target.root
    norm = spread.norm()
    eye = torch.eye(len(mean))
    y, z = spread / norm, eye
    for _ in range(ROOT_STEPS):
        factor = (3 * eye - z @ y) / 2
        y, z = y @ factor, factor @ z
    cross = (y * norm.sqrt()).trace()
    spreads = target.covariance.trace() + covariance(mean, second).trace() - 2 * cross
    return ((mean - target.mean).square().sum() + spreads) / len(mean)


def paint(photo: Path, painting: Path, contender: str, size: int) -> tuple[StyleReport, float]:
    """Repaint and time it from the files to the last step, loading the network included."""
    config = complete(CONTENDERS[contender] | {"size": size, "device": "cpu"})
    start = time.monotonic()
    steps = stylize_steps(str(photo), str(painting), config)
    if contender == "roots":
        with (
            mock.patch("ganvas.style.objective.wasserstein_loss", through_roots),
            mock.patch("ganvas.style.objective.bures_tangent", return_value=None),
        ):
            last = deque(steps, maxlen=1)[0]
    else:
        last = deque(steps, maxlen=1)[0]
    return last, time.monotonic() - start


def measure(photo: Path, painting: Path, contender: str, size: int) -> dict[str, Any]:
    """Paint one cell, keep the picture and score it against photo and painting at its size."""
    last, seconds = paint(photo, painting, contender, size)
    folder = RESULTS / "style"
    folder.mkdir(parents=True, exist_ok=True)
    last.render().save(folder / f"{photo.stem}-{painting.stem}-{contender}.jpg", quality=92)
    scene = last.easel.scene
    style = scene.paintings[0].image
    return {
        "seconds": round(seconds, 1),
        "steps": last.total_steps,
        "style_distance": round(style_distance(last.image, style), 4),
        "content_distance": round(content_distance(last.image, scene.content), 4),
        "patch_distance": round(patch_distance(last.image, style), 4),
        "photo_style_distance": round(style_distance(scene.content, style), 4),
        "photo_patch_distance": round(patch_distance(scene.content, style), 4),
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    given = parser.parse_args()
    cells = [
        {"photo": photo, "painting": painting, "contender": contender, "size": size}
        for contender in given.contenders
        for (photo, painting), size in PAIRS.items()
        if size in given.sizes
    ]
    for cell in missing(cells, RESULTS / "style_speed.jsonl"):
        photo, painting = (
            given.photos / f"{cell['photo']}.jpg",
            given.paintings / f"{cell['painting']}.jpg",
        )
        found = measure(photo, painting, cell["contender"], cell["size"])
        record(cell | found, RESULTS / "style_speed.jsonl")


if __name__ == "__main__":
    main()
