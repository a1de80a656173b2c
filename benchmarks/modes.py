"""Mode coverage on points: a ring of 8 and a grid of 25 Gaussians, our recipes against BCE.

    python benchmarks/modes.py                # ten seeds of each, about 40 minutes on one core
    python benchmarks/modes.py --seeds 2      # a quick look

Points are pictures of one pixel with two channels, trained through the same loop and recipe as
real pictures. A mode counts when at least one of 2,500 samples lies within three standard
deviations of it (PacGAN's protocol, arXiv:1712.04086). One JSON line a cell is appended to the
results; cells that stand there are skipped.
"""

import argparse
import math
import time
from collections import deque
from pathlib import Path

import numpy as np
import torch
from cells import missing, record

from ganvas.training.config import TrainConfig
from ganvas.training.loop import sample, train_steps

RESULTS = Path(__file__).parent / "results" / "modes.jsonl"
SAMPLES = 2500
SCALE = 5.0
"""Length that becomes 1: the grid reaches from -4 to 4."""


def ring() -> tuple[np.ndarray, float]:
    """Eight modes on a circle of radius 2, standard deviation .02."""
    angles = np.arange(8) * 2 * math.pi / 8
    return 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.02


def grid() -> tuple[np.ndarray, float]:
    """25 modes at {-4, -2, 0, 2, 4}^2, standard deviation .05."""
    line = np.arange(-4.0, 5.0, 2.0)
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2), 0.05


SETS = {"ring": ring, "grid": grid}
OURS = {"lr_end": 0.1, "beta1": 0.0, "beta2": 0.99}
RECIPES = {
    # Loss, procedure and rates of the default for pictures; gamma fitted to points.
    "default": {
        "recipe": "simultaneous",
        "loss": {"adversarial": "bce", "penalties": ["r1"], "gamma": 0.2, "gamma_end": 0.02},
        "optim": {"lr_g": 2e-3, "lr_d": 2e-3} | OURS,
    },
    # Of the preset `residual`, gamma fitted likewise.
    "relativistic": {
        "loss": {
            "adversarial": "relativistic",
            "penalties": ["r1", "r2"],
            "gamma": 0.2,
            "gamma_end": 0.02,
        },
        "optim": {"lr_g": 1e-3, "lr_d": 1e-3} | OURS,
    },
    "bce": {
        "loss": {"adversarial": "bce", "penalties": []},
        "optim": {"lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999},
    },
}


class Points:
    """100,000 points of a mixture as pictures of one pixel."""

    channels, resolution, num_classes = 2, 1, 0

    def __init__(self, modes: np.ndarray, deviation: float) -> None:
        drawn = np.random.default_rng(0)
        chosen = modes[drawn.integers(len(modes), size=100_000)]
        points = chosen + deviation * drawn.standard_normal(chosen.shape)
        self._points = (points / SCALE).astype(np.float32).reshape(-1, 1, 1, 2)

    def __len__(self) -> int:
        return len(self._points)

    def batch(self, indices: np.ndarray) -> tuple[np.ndarray, None]:
        return self._points[indices], None


def configure(recipe: str, seed: int, kimg: float) -> TrainConfig:
    """The same nets for every recipe: three hidden layers of 128."""
    hidden = [128, 128, 128]
    return TrainConfig.from_dict(
        {
            "images": "points",
            "data": {"resolution": 1, "channels": 2},
            "model": {
                "arch": "mlp",
                "z_dim": 2,
                "hidden_g": hidden,
                "hidden_d": hidden,
                "norm": "none",
                "out": "linear",
            },
            "batch_size": 256,
            "kimg": kimg,
            "minutes": None,
            "seed": seed,
            "precision": "fp32",
            "guard": "off",
            **RECIPES[recipe],
        }
    )


def score(points: np.ndarray, modes: np.ndarray, deviation: float) -> dict[str, float]:
    """Modes found, share of samples near one, and the reverse KL against equal shares."""
    distances = np.linalg.norm(points[:, None] - modes[None], axis=2)
    nearest = distances.argmin(axis=1)
    good = distances.min(axis=1) < 3 * deviation
    counts = np.bincount(nearest[good], minlength=len(modes))
    shares = counts[counts > 0] / max(1, counts.sum())
    return {
        "modes": int((counts > 0).sum()),
        "of": len(modes),
        "high_quality": float(good.mean()),
        "reverse_kl": float((shares * np.log(shares * len(modes))).sum()),
    }


def measure(name: str, recipe: str, seed: int, kimg: float) -> dict[str, object]:
    """Train one cell and score the averaged generator."""
    modes, deviation = SETS[name]()
    start = time.monotonic()
    steps = train_steps(configure(recipe, seed, kimg), Points(modes, deviation))
    G = deque(steps, maxlen=1)[0].state.G_ema
    made = sample(G, range(SAMPLES))[:, :, 0, 0].numpy() * SCALE
    return {
        **score(made, modes, deviation),
        "seconds": round(time.monotonic() - start, 1),
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--kimg", type=float, default=2500.0)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    cells = [
        {"set": name, "recipe": recipe, "seed": seed, "kimg": given.kimg}
        for seed in range(given.seeds)
        for name in SETS
        for recipe in given.recipes
    ]
    for cell in missing(cells, given.results):
        found = measure(cell["set"], cell["recipe"], cell["seed"], cell["kimg"])
        record(cell | found, given.results)


if __name__ == "__main__":
    main()
