"""All families on the same pictures in the same minutes: quality, variety, copies, cost.

    taskset -c 0 python benchmarks/families.py signdigits64.zip eurosat.zip --minutes 10
    taskset -c 0 python benchmarks/families.py monet256.zip --resolution 128 --arch resnet msg
    python benchmarks/families.py --table

Each family trains with `ganvas train --arch NAME` and nothing else set, in a process of its own;
`default` is what a user gets who names none. What is scored is the generator that the run keeps.
One JSON line a cell is appended to results/families.jsonl and a grid of 64 pictures that nobody
chose is written beside it; cells that stand there are skipped. Nothing else should run on the same
cores.
"""

import argparse
import multiprocessing
import resource
import tempfile
from pathlib import Path
from typing import Any

from cells import missing, read, record

from ganvas.models import registry

RESULTS = Path(__file__).parent / "results"
DEFAULT = "default"
FAMILIES = (DEFAULT, *registry.names())
METRICS = ("kid", "prdc", "diversity", "copies")
COLUMNS = {
    "metric/kid_vgg19": "kid_vgg19",
    "metric/recall_vgg19": "recall",
    "metric/coverage_vgg19": "coverage",
    "metric/copies_vgg19": "copies",
    "images_per_second": "pictures a second",
    "parameters_g": "parameters of G",
    "peak_mib": "memory, MiB",
}


def measure(path: str, cell: dict[str, Any]) -> dict[str, Any]:
    """Train and score one cell; call it in a fresh process."""
    import torch
    from scoring import keep_grid, sampler

    import ganvas
    from ganvas.training.evaluation import evaluate_run

    wanted = {name: cell[name] for name in ("resolution", "minutes", "seed")}
    arch = None if cell["arch"] == DEFAULT else cell["arch"]
    with tempfile.TemporaryDirectory() as root:
        run = ganvas.train(path, runs=root, new=True, arch=arch, **wanted)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        last = run.stats()[-1]
        G = ganvas.load_generator(run.path)
        scores = evaluate_run(run.path, METRICS, num=1000)
    name = "-".join(str(cell[key]) for key in ("set", "resolution", "arch", "seed"))
    return {
        "kimg": last["nimg"] / 1000,
        "images_per_second": round(last["nimg"] / last["seconds"], 1),
        "parameters_g": sum(weight.numel() for weight in G.parameters()),
        "peak_mib": round(peak),
        "threads": torch.get_num_threads(),
        "grid": keep_grid(sampler(G), RESULTS / "families" / f"{name}.jpg"),
        "best_nimg": scores["nimg"],
        **{key: round(value, 4) for key, value in scores.items() if key.startswith("metric/")},
    }


def table() -> None:
    """Print a table in Markdown for each set, the best KID first."""
    lines = read(RESULTS / "families.jsonl")
    for name, resolution in sorted({(line["set"], line["resolution"]) for line in lines}):
        print(f"\n{name}, {resolution} px\n")
        print(f"| family | seed | {' | '.join(COLUMNS.values())} |")
        print("|" + "---|" * (len(COLUMNS) + 2))
        cells = [line for line in lines if (line["set"], line["resolution"]) == (name, resolution)]
        for line in sorted(cells, key=lambda line: line["metric/kid_vgg19"]):
            numbers = " | ".join(f"{round(line[column], 2):,}" for column in COLUMNS)
            print(f"| {line['arch']} | {line['seed']} | {numbers} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--arch", nargs="+", choices=FAMILIES, default=FAMILIES)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table:
        table()
        return
    paths = {Path(path).stem: path for path in given.images}
    cells = [
        {"set": name, "arch": arch, "seed": seed}
        | {"minutes": given.minutes, "resolution": given.resolution}
        for seed in given.seeds
        for name in paths
        for arch in given.arch
    ]
    spawn = multiprocessing.get_context("spawn")
    for cell in missing(cells, RESULTS / "families.jsonl"):
        with spawn.Pool(1) as pool:
            found = pool.apply(measure, (paths[cell["set"]], cell))
        record(cell | found, RESULTS / "families.jsonl")


if __name__ == "__main__":
    main()
