"""What goes wrong and what helps: the same digits, one setting changed, in equal pictures.

    python benchmarks/cures.py
    python benchmarks/cures.py --table

Every cell is the command that docs/troubles.md tells a reader to type, `ganvas train
builtin:digits --kimg 64` with the flags below; `plain` is the textbook's GAN, without a penalty,
without augmentation and unguarded, and `plain-...` adds one cure to it. The length is in pictures,
so other work may go on beside. One JSON line a cell is appended to results/cures.jsonl, its grid
and, for CHARTED, the doctor's picture are written beside it; cells that stand there are skipped.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cells import missing, read, record
from PIL import Image
from scoring import outcome

from ganvas.data.config import DataConfig
from ganvas.data.store import Store, prepare
from ganvas.runs.folder import RunFolder
from ganvas.training.chart import draw_chart

RESULTS = Path(__file__).parent / "results"
DIGITS = "builtin:digits"
FEW = 100
FAKES = 1000
PLAIN = "--loss.empty-penalties --augment.p 0 --guard off"
FAST = "--optim.lr-g 2e-2 --optim.lr-d 2e-2"
CELLS = {
    "default": "",
    "plain": PLAIN,
    "capacity-d-x4": "--model.width-d 96 --guard off",
    "capacity-d-x4-guarded": "--model.width-d 96",
    "capacity-d-x1/8": "--model.width-d 3 --guard off",
    "hinge": "--recipe standard --loss.adversarial hinge",
    "lsgan": "--recipe standard --loss.adversarial lsgan",
    "plain-lsgan": f"{PLAIN} --recipe standard --loss.adversarial lsgan",
    "d-rate-x20": "--optim.lr-d 4e-2 --guard off",
    "d-rate-x20-guarded": "--optim.lr-d 4e-2",
    "rates-x10": f"{FAST} --guard off",
    "rates-x10-guarded": FAST,
    "plain-rates-x1/10": f"{PLAIN} --optim.lr-g 2e-4 --optim.lr-d 2e-4",
    "plain-noise": f"{PLAIN} --cure.instance-noise 0.2",
    "plain-soft": f"{PLAIN} --loss.soft 0.9",
    "plain-two-rates": f"{PLAIN} --optim.lr-g 5e-4",
    "plain-spectral": f"{PLAIN} --model.norm-d spectral",
    "plain-pack": f"{PLAIN} --loss.penalty-stride 1 --cure.pack 2",
    "few": "--augment.p 0 --guard off --run.patience 0",
    "few-augmented": "--run.patience 0",
}
"""Name -> flags beside the pictures and the length. `few` trains on a hundred digits."""
CHARTED = ("default", "rates-x10", "rates-x10-guarded", "d-rate-x20", "few")


def few_digits(store: Store, folder: Path) -> Path:
    """Write a few digits of every kind as files."""
    images = store.batch(range(0, len(store), len(store) // FEW))[0]
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image.squeeze()).save(folder / f"{number:03}.png")
    return folder


def measure(name: str, flags: str, kimg: float, seed: int) -> dict[str, Any]:
    """Type the command of one cell and look at what it leaves."""
    store = prepare(DIGITS, DataConfig(resolution=32, channels=1))
    path = name.replace("/", "-")
    with tempfile.TemporaryDirectory() as folder:
        images = few_digits(store, Path(folder) / "digits") if name.startswith("few") else DIGITS
        command = f"ganvas train {images} --preset quick --kimg {kimg:g} --seed {seed} {flags}"
        argv = [str(Path(sys.executable).with_name("ganvas")), *command.split()[1:]]
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
        found = outcome(Path(folder) / "runs", store, RESULTS / "cures" / f"{path}.jpg", FAKES)
        if name in CHARTED:
            draw_chart(RunFolder.all(Path(folder) / "runs")[0], RESULTS / "cures" / f"{path}.png")
    error = done.stderr.strip().splitlines()[-1:] if done.returncode else []
    return {"flags": flags, "error": error} | found


def table() -> None:
    """Print the cells in Markdown, the best KID first."""
    print("| cell | flags | kid_vgg19 | coverage | the guard |\n|---|---|---|---|---|")
    lines = read(RESULTS / "cures.jsonl")
    for line in sorted(lines, key=lambda line: line["metric/kid_vgg19"] or 1e9):
        said = ", ".join(dict.fromkeys(f"{kind} {trouble}" for _, kind, trouble in line["events"]))
        kid, coverage = (line.get(f"metric/{name}_vgg19") for name in ("kid", "coverage"))
        scores = "no generator | " if kid is None else f"{kid:.2f} | {coverage:.2f}"
        print(f"| {line['cell']} | `{line['flags']}` | {scores} | {said} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kimg", type=float, default=64.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table:
        table()
        return
    cells = [
        {"cell": name, "kimg": given.kimg, "seed": seed}
        for seed in given.seeds
        for name in given.cells
    ]
    for cell in missing(cells, RESULTS / "cures.jsonl"):
        found = measure(cell["cell"], CELLS[cell["cell"]], cell["kimg"], cell["seed"])
        record(cell | found, RESULTS / "cures.jsonl")


if __name__ == "__main__":
    main()
