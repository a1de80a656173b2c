"""Recipes at equal processor time: what learns most decides the default settings.

    taskset -c 0 python benchmarks/recipes.py pictures/*.zip --seconds 300 --variants default wide

Each cell trains on one thread of one core for as many seconds of processor time as asked for, at
the precision that suits the processor, so that another core may do other things meanwhile. One
JSON line a cell is appended to results/recipes.jsonl; grids go to --grids. Cells that stand there
are skipped.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from cells import missing, record
from scoring import keep_grid, sampler, score

from ganvas.core.config import merge
from ganvas.data.config import DataConfig
from ganvas.data.inspect import inspect
from ganvas.data.store import Store, prepare
from ganvas.training import presets
from ganvas.training.config import TrainConfig
from ganvas.training.loop import train_steps

RESULTS = Path(__file__).parent / "results" / "recipes.jsonl"
TRIAL_STEPS = 40

SLOW = {"optim": {"lr_g": 1e-3, "lr_d": 1e-3}, "augment": {"p": 0.3}}
SHARP = SLOW | {"model": {"blur": False}}
PAIRS = {"adversarial": "relativistic", "penalties": ["r1", "r2"]}
UNFITTED = {"cure": {"fit_contrast": False}}
STEEPER = {"loss": {"gamma": 2.0, "gamma_end": 0.2}}
MOVED = {"augment": {"operations": ["translation"]}}
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "plain": SHARP | {"augment": {"operations": [], "p": 0.0}},
    "sharp": SHARP,
    "sharp-wide-32": SHARP | {"model": {"blur": False, "width": 32}},
    "sharp-relativistic": SHARP | {"loss": PAIRS},
    "slow": SLOW,
    "slow-batch-32": SLOW | {"batch_size": 32},
    "slow-augment-0.6": SLOW | {"augment": {"p": 0.6}},
    "augment-0.3": {"augment": {"p": 0.3}},
    "lr-4e-3": {"optim": {"lr_g": 4e-3, "lr_d": 4e-3}},
    "wide-32": {"model": {"width": 32}},
    "unfitted": UNFITTED,
    "unfitted-gamma-2": UNFITTED | STEEPER,
    "unfitted-gamma-0.5": UNFITTED | {"loss": {"gamma": 0.5, "gamma_end": 0.1}},
    "unfitted-translation": UNFITTED | MOVED,
    "unfitted-gamma-2-translation": UNFITTED | STEEPER | MOVED,
    "gamma-2": STEEPER,
    "gamma-30": {"loss": {"gamma": 30.0, "gamma_end": 3.0}},
    "z-128": {"model": {"z_dim": 128}},
}
"""Name -> what is changed in the default settings."""


def measure(store: Store, config: TrainConfig, seconds: float, grid: Path) -> dict[str, Any]:
    """Train one cell for seconds of processor time, score it and keep its grid."""
    endless = merge(config.to_dict(), {"kimg": 1e6, "minutes": None})
    trial = train_steps(TrainConfig.from_dict(endless), store)
    for _ in range(5):
        next(trial)
    start = time.process_time()
    for _ in range(TRIAL_STEPS):
        next(trial)
    speed = TRIAL_STEPS * config.batch_size / (time.process_time() - start)
    kimg = {"kimg": speed * seconds / 1000, "minutes": None}
    start = time.process_time()
    for report in train_steps(TrainConfig.from_dict(merge(config.to_dict(), kimg)), store):
        state = report.state
    spent = time.process_time() - start
    state.settle()
    made = sampler(state.G_ema)
    keep_grid(made, grid)
    facts = {"spent_seconds": round(spent, 1), "kimg": round(state.nimg / 1000, 1)}
    return facts | score(made, store)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="+")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--preset", choices=presets.PRESETS, default="quick")
    parser.add_argument("--grids", type=Path, default=Path("/tmp/recipes"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    paths = {Path(path).stem: path for path in given.images}
    cells = [
        {"set": name, "variant": variant, "seconds": given.seconds, "seed": seed}
        for variant in given.variants
        for name in paths
        for seed in given.seeds
    ]
    for cell in missing(cells, RESULTS):
        path = paths[cell["set"]]
        found = inspect(path)
        data = DataConfig(resolution=min(found.resolution, 64), channels=found.channels)
        config = presets.PRESETS[given.preset](path, data).to_dict()
        config = merge(config, VARIANTS[cell["variant"]] | {"seed": cell["seed"]})
        grid = given.grids / f"{cell['set']}-{cell['variant']}-{cell['seconds']:g}.png"
        scores = measure(prepare(path, data), TrainConfig.from_dict(config), given.seconds, grid)
        record(cell | scores, RESULTS)


if __name__ == "__main__":
    main()
