"""Bad hyper-parameters: how many settings still end in good pictures, with the guard and without.

    taskset -c 0 python benchmarks/sweep.py eurosat.zip --minutes 3

Twelve settings in which every level of learning rate x {0.1, 1, 10}, width of D x {1/4, 1, 4},
batch {8, 64} and start of the weights {own, N(0, 0.02)} occurs equally often, for the tutorial's
DCGAN (our preset of it), our default with the guard off, and with it on. A cell is healthy when
its final pictures have at most twice the KID and at least half of the coverage of the median
reference run: our default as it is, three seeds, on the same processor. The guard's own signals
have no say. One JSON line a cell is appended to results/sweep.jsonl; cells that stand there are
skipped. --table prints the shares.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from cells import missing, processor, read, record
from scoring import outcome

import ganvas
from ganvas.core.errors import GanvasError
from ganvas.data.config import DataConfig
from ganvas.data.store import prepare
from ganvas.training import presets

RESULTS = Path(__file__).parent / "results"
RESOLUTION = 32
FAKES = 1000
RATES, WIDTHS, BATCHES, STARTS = (0.1, 1.0, 10.0), (0.25, 1.0, 4.0), (8, 64), ("own", "normal02")
SETTINGS = [
    {
        "lr": RATES[k % 3],
        "width_d": WIDTHS[(k + k // 3) % 3],
        "batch": BATCHES[k // 3 % 2],
        "init": STARTS[k // 6],
    }
    for k in range(12)
]
CONTENDERS = {
    "tutorial": ("dcgan", "off"),
    "unguarded": ("quick", "off"),
    "guarded": ("quick", "act"),
}


def configure(path: str, contender: str, setting: dict[str, Any]) -> dict[str, Any]:
    """What differs from the contender's preset, as settings of `ganvas.train`."""
    preset, guard = CONTENDERS[contender]
    own = presets.PRESETS[preset](path, DataConfig(resolution=RESOLUTION, channels=3)).to_dict()
    optim = {name: own["optim"][name] * setting["lr"] for name in ("lr_g", "lr_d")}
    model = {"width_d": round(own["model"]["width"] * setting["width_d"])}
    if setting["init"] != "own":
        model["init"] = setting["init"]
    return {
        "preset": preset,
        "guard": guard,
        "optim": optim,
        "model": model,
        "batch_size": setting["batch"],
    }


def measure(path: str, cell: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Train one cell; score the pictures that the user would be left with."""
    store = prepare(path, DataConfig(resolution=RESOLUTION, channels=3))
    found: dict[str, Any] = {"error": None}
    with tempfile.TemporaryDirectory() as root:
        try:
            ganvas.train(path, runs=root, resolution=RESOLUTION, **settings)
        except GanvasError as error:
            found["error"] = str(error)
        grid = RESULTS / "sweep" / f"{cell['contender']}-{cell['name']}.jpg"
        return found | outcome(Path(root), store, grid, FAKES)


def table(minutes: float) -> None:
    """Print KID and coverage of every cell in Markdown, healthy ones bold, and their shares."""
    lines = [line for line in read(RESULTS / "sweep.jsonl") if line["minutes"] == minutes]
    good = {}
    for machine in {line["processor"] for line in lines}:
        own = [line for line in lines if line["processor"] == machine and "lr" not in line]
        kid, coverage = (
            statistics.median(line[f"metric/{name}_vgg19"] for line in own)
            for name in ("kid", "coverage")
        )
        good[machine] = kid, coverage
        print(f"reference on {machine}: kid {kid:.2f}, coverage {coverage:.3f}\n")

    def is_healthy(line: dict[str, Any]) -> bool:
        kid, coverage = good[line["processor"]]
        scores = line["metric/kid_vgg19"], line["metric/coverage_vgg19"]
        return scores[0] is not None and scores[0] <= 2 * kid and scores[1] >= coverage / 2

    def shown(line: dict[str, Any] | None) -> str:
        if line is None or line["metric/kid_vgg19"] is None:
            return "not run" if line is None else "stopped"
        mark = "**" if is_healthy(line) else ""
        return f"{mark}{line['metric/kid_vgg19']:.2f} / {line['metric/coverage_vgg19']:.2f}{mark}"

    cells = {(c["contender"], c["name"]): c for c in lines if "lr" in c}
    print(f"| rates, width of D, batch, start | {' | '.join(CONTENDERS)} |")
    print("|---" * (1 + len(CONTENDERS)) + "|")
    for setting in SETTINGS:
        row = [shown(cells.get((one, _name(setting)))) for one in CONTENDERS]
        name = f"x{setting['lr']:g}, x{setting['width_d']:g}, {setting['batch']}, {setting['init']}"
        print(f"| {name} | {' | '.join(row)} |")
    shares = [
        sum(is_healthy(c) for (who, _), c in cells.items() if who == one) for one in CONTENDERS
    ]
    print(f"| healthy | {' | '.join(f'{share} of {len(SETTINGS)}' for share in shares)} |")


def _name(setting: dict[str, Any]) -> str:
    return "-".join(str(value) for value in setting.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table:
        table(given.minutes)
        return
    length = {"minutes": given.minutes, "threads": torch.get_num_threads()}
    references = [
        {"contender": "unguarded", "name": f"reference-{seed}", "processor": processor()} | length
        for seed in range(3)
    ]
    cells = [
        {"contender": contender, "name": _name(setting)} | setting | length
        for setting in SETTINGS
        for contender in given.contenders
    ]
    for cell in missing(references + cells, RESULTS / "sweep.jsonl"):
        settings: dict[str, Any] = {"minutes": given.minutes}
        if "lr" in cell:
            settings |= configure(given.images, cell["contender"], cell)
        else:
            settings |= {"preset": "quick", "guard": "off", "seed": int(cell["name"][-1])}
        record(cell | measure(given.images, cell, settings), RESULTS / "sweep.jsonl")


if __name__ == "__main__":
    main()
