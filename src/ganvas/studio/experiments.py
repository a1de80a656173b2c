"""The lesson's experiments: the real training and the real painting, small enough for seconds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

import ganvas
from ganvas.models import registry
from ganvas.style.config import complete
from ganvas.training.config import TrainConfig

MODES, RADIUS, SPREAD = 8, 0.4, 0.02
NEAR = 3 * SPREAD
ENOUGH = 0.01
"""A spot counts as found when this part of all points is near it."""
SHOWN = 400
STEPS = 800
EVERY = 20

BALANCED = {"lr_g": 2e-3, "lr_d": 2e-3, "lr_end": 0.05, "beta1": 0.0, "beta2": 0.99}
R1 = {"adversarial": "bce", "penalties": ["r1"], "gamma": 0.2, "gamma_end": 0.2}
PLAIN = {"adversarial": "bce", "penalties": []}
DUELS: dict[str, dict[str, Any]] = {
    "healthy": {"loss": R1, "optim": BALANCED},
    # No penalty: G runs from spot to spot, D after it.
    "collapse": {"loss": PLAIN, "optim": BALANCED | {"beta1": 0.5, "lr_end": 1.0}},
    "cured": {"loss": R1, "optim": BALANCED | {"beta1": 0.5}},
    # D learns two thousand times as fast as G.
    "upset": {"loss": PLAIN, "optim": BALANCED | {"lr_g": 1e-6, "beta1": 0.5, "lr_end": 1.0}},
    "mended": {"loss": R1, "optim": BALANCED},
}
"""What is different in each duel; all else is the same, the seed too."""


class Ring:
    """Points of eight Gaussians on a circle, as pictures of one pixel with two channels."""

    channels, resolution, num_classes = 2, 1, 0

    def __init__(self, num: int = 20_000) -> None:
        drawn = np.random.default_rng(0)
        points = spots()[drawn.integers(MODES, size=num)]
        points = points + SPREAD * drawn.standard_normal(points.shape)
        self.points = points.astype(np.float32)

    def __len__(self) -> int:
        return len(self.points)

    def batch(self, indices: np.ndarray) -> tuple[np.ndarray, None]:
        """Return the points with these numbers."""
        return self.points[indices].reshape(-1, 1, 1, 2), None


@dataclass(frozen=True)
class Frame:
    """One look at a duel."""

    step: int
    points: list[list[float]]
    found: int
    """Spots of the ring that G's points reach."""
    loss_d: float
    loss_g: float
    accuracy: float


def spots() -> np.ndarray:
    """The centres of the eight Gaussians."""
    angles = np.arange(MODES) * 2 * math.pi / MODES
    return RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def found_spots(points: np.ndarray) -> int:
    """Count the spots that at least one in a hundred points is near."""
    near = np.linalg.norm(points[:, None] - spots()[None], axis=2) < NEAR
    return int((near.mean(axis=0) >= ENOUGH).sum())


def duel(kind: str, *, seed: int = 0) -> Iterator[Frame]:
    """Train two small networks on the ring; yield what they look like on the way."""
    config = TrainConfig.from_dict(
        {
            "images": "ring",
            "data": {"resolution": 1, "channels": 2},
            "model": {
                "arch": "mlp",
                "z_dim": 2,
                "hidden_g": [128, 128],
                "hidden_d": [128, 128],
                "norm": "none",
                "out": "linear",
            },
            "batch_size": 128,
            "kimg": STEPS * 128 / 1000,
            "minutes": None,
            "seed": seed,
            "device": "cpu",
            "precision": "fp32",
            **DUELS[kind],
        }
    )
    z = torch.randn(SHOWN, 2, generator=torch.Generator().manual_seed(0))
    for step, report in enumerate(ganvas.train_steps(config, Ring()), start=1):
        if step % EVERY == 0 or step == 1:
            with torch.no_grad():
                made = report.state.G(z).flatten(1).numpy()
            stats = {name: float(value) for name, value in report.stats.items()}
            yield Frame(
                step,
                made.tolist(),
                found_spots(made),
                stats["loss/d"],
                stats["loss/g"],
                stats["balance/accuracy"],
            )


PAINTINGS: dict[str, dict[str, Any]] = {
    "content": {"style_weight": 0.0, "content_weight": 1.0},
    "style": {"content_weight": 0.0},
    "both": {},
}


def paint(kind: str, content: Path, style: Path) -> Iterator[tuple[float, Image.Image]]:
    """Paint from noise with only the content loss, only the style loss, or both."""
    settings = {"size": 160, "init": "noise", "coarsest_px": 80, "steps": (60, 50, 40)}
    config = complete(settings | PAINTINGS[kind])
    for report in ganvas.stylize_steps(content, style, config):
        if report.step % 8 == 0 or report.share == 1:
            yield report.share, report.render()


def layers(arch: str, resolution: int) -> dict[str, list[tuple[str, tuple[int, ...]]]]:
    """Send one picture through a real pair and note the shape behind every layer with weights."""
    config = registry.parse(
        {"arch": arch} | ({"width": 24, "z_dim": 64} if arch == "dcgan" else {})
    )
    G, D = registry.build(config, channels=3, resolution=resolution)
    z = torch.zeros(1, G.z_dim)
    with torch.no_grad():
        shapes = {"G": _shapes(G.eval(), z)}
        shapes["D"] = _shapes(D.eval(), G(z))
    return shapes


def _shapes(network: nn.Module, given: torch.Tensor) -> list[tuple[str, tuple[int, ...]]]:
    found: list[tuple[str, tuple[int, ...]]] = [("in", tuple(given.shape[1:]))]
    names = {nn.Linear: "linear", nn.Conv2d: "conv", nn.ConvTranspose2d: "deconv"}

    def note(module: nn.Module, _given: Any, out: torch.Tensor) -> None:
        found.append((names[type(module)], tuple(out.shape[1:])))

    hooks = [one.register_forward_hook(note) for one in network.modules() if type(one) in names]
    network(given)
    for hook in hooks:
        hook.remove()
    return found
