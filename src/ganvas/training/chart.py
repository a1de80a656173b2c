"""One picture of a run: losses, logits, variety, scores and samples over time, events marked."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ganvas.losses.adversarial import ADVERSARIAL
from ganvas.runs.folder import RunFolder
from ganvas.training.config import TrainConfig

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SNAPSHOTS = 8
"""Sample grids shown, at most."""
CORNER = 3
"""Pictures of a grid that are shown, across and down."""
COLORS = {"d": "#0072b2", "g": "#d55e00", "real": "#0072b2", "fake": "#d55e00", "other": "#009e73"}
"""Told apart by colour-blind readers too (Okabe and Ito)."""
MARKS = {"watch": ":", "act": "--", "rollback": "-", "stop": "-", "recovered": ":", "data": "-"}


def draw_chart(run: RunFolder, path: Path) -> None:
    """Write the picture, as PNG, to `path`."""
    # The plain drawing surface: no window, no state shared with a notebook's plots.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    config = TrainConfig.from_dict(run.config)
    stats, events, metrics = run.stats(), run.events(), run.metrics()
    figure = Figure(figsize=(10, 10), layout="constrained")
    grid = figure.add_gridspec(5, 1, height_ratios=[3, 2, 3, 3, 2])
    losses, logits, variety, scores = (figure.add_subplot(grid[row]) for row in range(4))
    _losses(losses, stats, config)
    _lines(logits, stats, "D's mean verdict", {"logits/real": "real", "logits/fake": "fake"})
    _lines(
        variety,
        stats,
        "health",
        {
            "health/diversity_pixels": "other",
            "health/pair_accuracy": "d",
            "health/overfit": "g",
            "balance/accuracy": "d",
        },
    )
    variety.set_ylim(-0.05, 1.5)
    _scores(scores, metrics)
    last = max([line["nimg"] for line in (*stats, *metrics)], default=1)
    for axes in (losses, logits, variety, scores):
        axes.set_xlim(0, last)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k")
        axes.spines[["top", "right"]].set_visible(False)
        for event in events:
            if event.get("kind") in MARKS:
                axes.axvline(event["nimg"], color="#999999", ls=MARKS[event["kind"]], lw=1)
    scores.set_xlabel("real pictures shown (dotted: watched or over, dashed: acted, solid: back)")
    samples = figure.add_subplot(grid[4])
    _samples(samples, run)
    figure.suptitle(run.path.name)
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png")


def _losses(axes: "Axes", stats: Sequence[dict[str, Any]], config: TrainConfig) -> None:
    _lines(axes, stats, "loss", {"loss/d": "d", "loss/g": "g"})
    values = [line[key] for line in stats for key in ("loss/d", "loss/g") if line.get(key)]
    if values:
        # One moment of trouble must not flatten all the rest.
        low, high = np.percentile(values, [1, 99])
        axes.set_ylim(low - 0.3 * (high - low) - 0.1, high + 0.3 * (high - low) + 0.1)
    if ideal := ADVERSARIAL[config.loss.adversarial].ideal_d:
        axes.axhline(ideal, color=COLORS["d"], lw=0.8, alpha=0.5)
        axes.annotate("a D that guesses", (0, ideal), fontsize=8, color=COLORS["d"], va="bottom")


def _lines(
    axes: "Axes", stats: Sequence[dict[str, Any]], name: str, series: dict[str, str]
) -> None:
    axes.set_ylabel(name)
    for number, (key, color) in enumerate(series.items()):
        points = [(line["nimg"], line[key]) for line in stats if line.get(key) is not None]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                color=COLORS[color],
                ls="-" if number < 3 else ":",
                lw=1.2,
                label=key.partition("/")[2] if "health" in name else key,
            )
    if axes.lines:
        axes.legend(loc="upper right", fontsize=8, frameon=False, ncols=4)


def _scores(axes: "Axes", metrics: Sequence[dict[str, Any]]) -> None:
    axes.set_ylabel("KID (VGG-19)")
    points = [line for line in metrics if line.get("metric/kid_vgg19") is not None]
    if not points:
        axes.annotate("not scored yet", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return
    axes.errorbar(
        [line["nimg"] for line in points],
        [line["metric/kid_vgg19"] for line in points],
        yerr=[line.get("metric/kid_vgg19_std", 0.0) for line in points],
        color=COLORS["other"],
        marker="o",
        capsize=3,
    )
    floor = points[-1]["metric/kid_vgg19_floor"]
    axes.axhline(floor, color=COLORS["other"], lw=0.8, alpha=0.5)
    axes.annotate("real against real", (0, floor), fontsize=8, color=COLORS["other"], va="bottom")
    axes.set_ylim(bottom=0)


def _samples(axes: "Axes", run: RunFolder) -> None:
    """A corner of the sample grids, side by side, oldest first."""
    axes.axis("off")
    paths = sorted((run.path / "samples").glob("*.png"))
    if not paths:
        return
    chosen = np.unique(np.linspace(0, len(paths) - 1, SNAPSHOTS).round().astype(int))
    corners = [_corner(paths[index]) for index in chosen]
    height = max(corner.shape[0] for corner in corners)
    gap = np.full((height, max(1, height // 24), 3), 255, np.uint8)
    row = np.concatenate([part for corner in corners for part in (corner, gap)], axis=1)
    axes.imshow(row, interpolation="nearest")
    axes.set_title("the same seeds from the first snapshot to the last", fontsize=9)


def _corner(path: Path) -> np.ndarray:
    with Image.open(path) as grid:
        width, height = (max(side // 8 * CORNER, 1) for side in grid.size)
        return np.asarray(grid.convert("RGB").crop((0, 0, width, height)))
