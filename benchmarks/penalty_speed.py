"""What R1 costs in each of its forms: training steps that take turns; JSON lines.

Exact on every picture (a second backward pass through D), exact on a quarter of the batch, exact in
every 16th step (lazy, 1912.04958), and estimated by a finite difference (2501.08316: one more
forward pass, no double backward). `share` is the time of a step with it over that of one without.

    python benchmarks/penalty_speed.py --preset stylegan2 --resolution 64
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from cells import record
from tutorial_mlp import Pictures

from ganvas.core.config import merge
from ganvas.core.device import choose_precision, keep_freed_memory
from ganvas.data.config import DataConfig
from ganvas.training import presets
from ganvas.training.config import TrainConfig
from ganvas.training.loop import train_steps

RESULTS = Path(__file__).parent / "results" / "penalty_speed.jsonl"
WHOLE = {"penalties": ["r1"], "penalty_mode": "exact", "penalty_every": 1, "penalty_stride": 1}
FORMS: dict[str, dict[str, Any]] = {
    "none": WHOLE | {"penalties": []},
    "exact": WHOLE,
    "quarter": WHOLE | {"penalty_stride": 4},
    "lazy": WHOLE | {"penalty_mode": "lazy", "penalty_every": 16},
    "finite-difference": WHOLE | {"penalty_mode": "finite-difference"},
}


def measure(preset: str, resolution: int, blocks: int, steps: int) -> dict[str, Any]:
    """Time a step of each form; a block holds whole periods of the lazy one.

    A preset that teaches both networks at once is timed with its steps one after the other.
    """
    settings = presets.PRESETS[preset]("memory", DataConfig(resolution=resolution)).to_dict()
    precision = choose_precision(torch.device("cpu"))
    always = {"kimg": 1e9, "minutes": None, "device": "cpu", "precision": precision}
    if settings["recipe"] == "simultaneous":
        always["recipe"] = "standard"
    running, seconds = {}, {name: [] for name in FORMS}
    for name, loss in FORMS.items():
        config = TrainConfig.from_dict(merge(settings, always | {"loss": loss}))
        running[name] = train_steps(config, Pictures(resolution, 3))
    for block in range(blocks + 1):
        for name, iterator in running.items():
            start = time.perf_counter()
            for _ in range(steps):
                next(iterator)
            if block:
                seconds[name].append((time.perf_counter() - start) / steps)
    found = {"benchmark": "penalty_speed", "preset": preset, "resolution": resolution}
    found |= {"precision": precision, "threads": torch.get_num_threads()}
    found["step_seconds"] = round(statistics.median(seconds["none"]), 4)
    for name in list(FORMS)[1:]:
        pairs = zip(seconds[name], seconds["none"], strict=True)
        found[f"{name}_share"] = round(statistics.median(one / none for one, none in pairs), 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", nargs="+", choices=presets.PRESETS, default=["stylegan2"])
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--steps", type=int, default=16)
    given = parser.parse_args()
    keep_freed_memory()
    for preset in given.preset:
        record(measure(preset, given.resolution, given.blocks, given.steps), RESULTS)


if __name__ == "__main__":
    main()
