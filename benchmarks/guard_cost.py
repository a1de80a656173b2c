"""What the guard costs: the share of training time spent on its checks.

    python benchmarks/guard_cost.py                  # presets on the embedded digits
    python benchmarks/guard_cost.py --steps 500

One JSON line a preset. `share_ratio` should stay below 0.03.
"""

import argparse
import json
import time

from ganvas.data.store import prepare
from ganvas.training.guard import Guard
from ganvas.training.loop import train_steps
from ganvas.training.presets import Facts, resolve

CASES = {
    "quick-16": ("quick", 16),
    "quick-32": ("quick", 32),
    "lesson-28": ("lesson", 28),
    "residual-32": ("residual", 32),
}


def measure(preset: str, resolution: int, steps: int) -> dict[str, float]:
    """Train so many steps and time what `after_step` takes of them."""
    changes = {"minutes": None, "kimg": 1e6, "data": {"resolution": resolution}}
    config = resolve("builtin:digits", Facts(2000, 1, 32), preset=preset, overrides=changes)
    spent, after_step = 0.0, Guard.after_step

    def timed(*arguments):
        nonlocal spent
        start = time.perf_counter()
        found = after_step(*arguments)
        spent += time.perf_counter() - start
        return found

    Guard.after_step = timed
    training = train_steps(config, prepare(config.images, config.data))
    for _ in range(steps):
        report = next(training)
    Guard.after_step = after_step
    seconds = report.state.seconds
    return {"steps": steps, "seconds": round(seconds, 2), "share_ratio": round(spent / seconds, 4)}


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--only", choices=CASES)
    chosen = parser.parse_args()
    for name, (preset, resolution) in CASES.items():
        if chosen.only in (None, name):
            found = measure(preset, resolution, chosen.steps)
            print(json.dumps({"case": name, **found}), flush=True)


if __name__ == "__main__":
    main()
