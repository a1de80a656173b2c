"""Sheets of two grids whose makers are hidden: judge first, then read the key.

    python benchmarks/blind.py /tmp/blind      # sheets 01.png, 02.png ... and key.json
    python benchmarks/blind.py /tmp/blind --verdicts AABBA=...

Each sheet shows the first rows of two grids that `quality.py` kept, of one set and one seed, as A
and B in an order drawn anew. Verdicts are one letter a sheet, = where neither is better; the script
then opens the key and appends who won to results/blind.jsonl.
"""

import argparse
import json
import random
from pathlib import Path

from cells import read, record
from PIL import Image, ImageDraw

RESULTS = Path(__file__).parent / "results"
CROP_PX = 384
GAP_PX = 24


def pairs(minutes: float) -> list[dict[str, object]]:
    """Sets and seeds of which both recipes are measured."""
    cells = [line for line in read(RESULTS / "quality.jsonl") if line["minutes"] == minutes]
    keys = sorted({(line["set"], line["seed"]) for line in cells})
    grids = {
        (line["set"], line["seed"], line["recipe"]): line["grid"]
        for line in cells
        if "grid" in line
    }
    return [
        {"set": name, "seed": seed, **{r: grids[name, seed, r] for r in ("ganvas", "tutorial")}}
        for name, seed in keys
        if {(name, seed, "ganvas"), (name, seed, "tutorial")} <= grids.keys()
    ]


def draw(left: Path, right: Path) -> Image.Image:
    """Put the upper left corners of two grids side by side."""
    sheet = Image.new("RGB", (2 * CROP_PX + GAP_PX, CROP_PX + GAP_PX), "white")
    pen = ImageDraw.Draw(sheet)
    for name, path, x in (("A", left, 0), ("B", right, CROP_PX + GAP_PX)):
        with Image.open(path) as grid:
            sheet.paste(grid.convert("RGB").crop((0, 0, CROP_PX, CROP_PX)), (x, GAP_PX))
        pen.text((x + 4, 6), name, fill="black")
    return sheet


def make(folder: Path, minutes: float) -> None:
    """Write the sheets in an order, and with sides, that nobody chose."""
    drawn = random.SystemRandom()
    shuffled = drawn.sample(found := pairs(minutes), len(found))
    folder.mkdir(parents=True, exist_ok=True)
    key = []
    for number, pair in enumerate(shuffled, start=1):
        sides = drawn.sample(["ganvas", "tutorial"], 2)
        left, right = (RESULTS / "quality" / str(pair[side]) for side in sides)
        draw(left, right).save(folder / f"{number:02}.png")
        key.append({"set": pair["set"], "seed": pair["seed"], "A": sides[0], "B": sides[1]})
    (folder / "key.json").write_text(json.dumps(key))


def reveal(folder: Path, verdicts: str, minutes: float) -> None:
    """Name the winners of the sheets and keep them."""
    key = json.loads((folder / "key.json").read_text())
    for entry, verdict in zip(key, verdicts, strict=True):
        better = entry.get(verdict, "neither")
        cell = {"set": entry["set"], "seed": entry["seed"], "minutes": minutes}
        record(cell | {"shown_as_a": entry["A"], "better": better}, RESULTS / "blind.jsonl")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--verdicts", help="one of A, B and = a sheet")
    given = parser.parse_args()
    if given.verdicts:
        reveal(given.folder, given.verdicts, given.minutes)
    else:
        make(given.folder, given.minutes)


if __name__ == "__main__":
    main()
