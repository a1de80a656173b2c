"""The grid that upsampling leaves: how far it stands out of spectra, before and after learning.

    taskset -c 1 python benchmarks/artifacts.py eurosat.zip --kimg 12 --runs runs
    python benchmarks/artifacts.py --table

Every contender trains with `ganvas.train` on equal pictures, so that nothing depends on what else
the machine does; a run kept in --runs goes on where it was cut off. Before that each is looked at
untrained (kimg 0, INITIALISATIONS networks), for what the layers do by themselves; there `kernel-3`
is the strided one with kernels of 3, whose stamps overlap unevenly, and every DCGAN is drawn with
the scales of `layers.init.he`, or its pictures would be too faint to see. One JSON line a cell is
appended to results/artifacts.jsonl; cells that stand there are skipped. Beside it lie each cell's
panel, four corners of pictures over the mean spectrum, and the figures, which are drawn anew.
"""

import argparse
import multiprocessing
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cells import missing, read, record
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from spectrum import by_radius, log_power, peaks
from torch import Tensor, nn

import ganvas
from ganvas.core import images as pictures
from ganvas.core import pixels
from ganvas.core.seeds import numpy_rng
from ganvas.data.store import prepare
from ganvas.layers.init import he
from ganvas.metrics.evaluate import as_saved
from ganvas.models import registry
from ganvas.models.base import Generator
from ganvas.training.config import TrainConfig
from ganvas.training.configure import complete, look
from ganvas.training.loop import sample

RESULTS = Path(__file__).parent / "results"
FOLDER = RESULTS / "artifacts"
PICTURES = 512
INITIALISATIONS = 16
PERIODS_PX = (2, 4, 8)
FAINT_DB, STRONG_DB = -50, 0
"""The ends of the colours of a spectrum; 0 dB is noise of variance 1."""
ENLARGED, COLUMNS, GAP_PX = 4, 3, 20
PAPER: dict[str, Any] = {"preset": "dcgan", "batch_size": 16}
CONTENDERS: dict[str, dict[str, Any]] = {
    "strided": PAPER | {"model": {"width": 24}},
    "blurred": PAPER | {"model": {"width": 24, "blur": True}},
    "resized": PAPER | {"model": {"width": 24, "variant": "pooling"}},
    "progressive": {"model": {"arch": "progressive"}},
    "msg": {"model": {"arch": "msg"}},
    "stylegan2": {"model": {"arch": "stylegan2"}},
    "quick-sharp": {"preset": "quick", "model": {"blur": False}},
    "quick": {"preset": "quick"},
}
"""Name -> settings. The first three differ in how they double maps, and `resized` also in how D
halves them; `quick` is what a user gets who sets nothing."""
UNTRAINED = ("kernel-3", "strided", "blurred", "resized", "msg", "stylegan2")
"""Untrained, `progressive` is `msg`."""
ORDER = ("reals", "kernel-3", *CONTENDERS)


def measure(path: str, cell: dict[str, Any], runs: Path) -> dict[str, Any]:
    """Make the pictures of one cell and look at their spectrum; call it in a fresh process."""
    settings = {"data": {"resolution": cell["resolution"]}} | CONTENDERS.get(
        cell["contender"], CONTENDERS["strided"]
    )
    config = complete(path, settings, look(path, settings))
    if cell["contender"] == "reals":
        made = reals(config)
    elif cell["kimg"]:
        made = trained(path, cell, settings, runs)
    else:
        made = untrained(config, cell["seed"], kernel_3=cell["contender"] == "kernel-3")
    spectra = log_power(made)
    mean = spectra.mean(0)
    found: dict[str, Any] = {"num": len(made), "panel": panel(made, mean, name_of(cell))}
    for period in PERIODS_PX:
        each = peaks(spectra, period)
        error = each.std() / len(each) ** 0.5
        found |= {f"peak_{period}px_db": round(each.mean().item(), 2)}
        found |= {f"peak_{period}px_error": round(error.item(), 2)}
    return found | {"by_radius_db": [round(power, 1) for power in by_radius(mean).tolist()]}


def reals(config: TrainConfig) -> Tensor:
    """Choose pictures of the set at random."""
    store = prepare(config.images, config.data)
    chosen = np.sort(numpy_rng(0, "benchmark").permutation(len(store))[:PICTURES])
    return pixels.from_arrays(store.batch(chosen)[0])


def trained(path: str, cell: dict[str, Any], settings: dict[str, Any], runs: Path) -> Tensor:
    """Train, or go on, and make what files would hold."""
    wanted = {"kimg": cell["kimg"], "seed": cell["seed"], "run": {"evaluate_images": 0}}
    run = ganvas.train(path, runs=runs, name=name_of(cell), **settings, **wanted)
    return as_saved(sample(ganvas.load_generator(run.path), range(PICTURES)))


def untrained(config: TrainConfig, seed: int, *, kernel_3: bool) -> Tensor:
    """Make pictures with networks as they are drawn, each a few."""
    made = []
    for number in range(INITIALISATIONS):
        torch.manual_seed(INITIALISATIONS * seed + number)
        size = {"channels": config.data.channels, "resolution": config.data.resolution}
        G, _ = registry.build(config.model, **size)
        if kernel_3:
            with_kernel_3(G)
        if config.model.arch == "dcgan":
            he(G)
        made.append(sample(G, range(PICTURES // INITIALISATIONS)))
    return torch.cat(made)


def with_kernel_3(G: Generator) -> None:
    """Give the doubling layers kernels of 3 instead of 4."""
    for layer in G.modules():
        if isinstance(layer, nn.ConvTranspose2d) and layer.stride[0] == 2:
            layer.kernel_size, layer.output_padding = (3, 3), (1, 1)
            layer.weight = nn.Parameter(layer.weight[:, :, :3, :3])


def panel(made: Tensor, spectrum: Tensor, name: str) -> str:
    """Write a corner of the first four pictures over the spectrum, pixel for pixel."""
    size = made.shape[-1] // 2
    corners = pictures.grid(pixels.to_arrays(made[:4, :, :size, :size]), margin_px=0)
    if corners.shape[-1] == 1:
        corners = corners.repeat(3, axis=-1)
    shades = ((spectrum - FAINT_DB) / (STRONG_DB - FAINT_DB)).clamp(0, 1).numpy()
    colours = colormaps["inferno"](shades, bytes=True)[..., :3]
    FOLDER.mkdir(parents=True, exist_ok=True)
    pictures.write_png(FOLDER / f"{name}.png", np.concatenate([corners, colours]))
    return f"{name}.png"


def draw(lines: list[dict[str, Any]], path: Path) -> None:
    """Enlarge panels without smoothing and lay them side by side."""
    with Image.open(FOLDER / lines[0]["panel"]) as first:
        width, height = (ENLARGED * side for side in first.size)
    step_x, step_y = width + GAP_PX, height + 2 * GAP_PX
    rows = -(-len(lines) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * step_x - GAP_PX, rows * step_y - GAP_PX), "white")
    pen = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        left, top = number % COLUMNS * step_x, number // COLUMNS * step_y
        with Image.open(FOLDER / line["panel"]) as small:
            large = small.resize((width, height), Image.Resampling.NEAREST)
        sheet.paste(large, (left, top + GAP_PX))
        pen.text((left, top + 2), line["contender"], fill="black", font_size=16)
    sheet.save(path, optimize=True)


def draw_curves(lines: list[dict[str, Any]], path: Path) -> None:
    """Plot the mean over all directions, reals in black."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for line in lines:
        powers = line["by_radius_db"][1:]
        waves = np.arange(1, len(powers) + 1) / line["resolution"]
        style = {"color": "black", "lw": 3} if line["contender"] == "reals" else {}
        axes.plot(waves, powers, label=line["contender"], **style)
    axes.set(xlabel="waves a pixel", ylabel="mean power, dB")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend()
    figure.savefig(path, dpi=100)


def figures() -> None:
    """Draw every set that has cells."""
    lines = in_order()
    for key in sorted({set_of(line) for line in lines}):
        real, *rest = (line for line in lines if set_of(line) == key)
        untrained = [line for line in rest if not line["kimg"]]
        draw([real, *untrained], FOLDER / f"{key}-untrained.png")
        if trained := [line for line in rest if line["kimg"]]:
            draw([real, *trained], FOLDER / f"{key}.png")
            draw_curves([real, *trained], FOLDER / f"{key}-curves.png")


def table() -> None:
    """Print the cells in Markdown; the finest waves are the upper quarter of the curve."""
    periods = " | ".join(f"{period} px" for period in PERIODS_PX)
    print(f"| set | pictures of | kimg | {periods} | finest waves |\n|---|---|---|---|---|---|---|")
    for line in in_order():
        shown = [
            f"{line[f'peak_{p}px_db']:.1f} ± {line[f'peak_{p}px_error']:.1f}" for p in PERIODS_PX
        ]
        curve = line["by_radius_db"]
        finest = f"{np.mean(curve[3 * len(curve) // 4 :]):.1f}"
        cells = [set_of(line), line["contender"], f"{line['kimg']:g}", *shown, finest]
        print(f"| {' | '.join(cells)} |")


def in_order() -> list[dict[str, Any]]:
    """Read all lines: of each set the reals, the untrained networks, the trained ones."""
    return sorted(
        read(RESULTS / "artifacts.jsonl"),
        key=lambda line: (set_of(line), line["kimg"], ORDER.index(line["contender"])),
    )


def set_of(line: dict[str, Any]) -> str:
    return f"{line['set']}-{line['resolution']}"


def name_of(cell: dict[str, Any]) -> str:
    return f"{set_of(cell)}-{cell['contender']}-{cell['kimg']:g}-{cell['seed']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*")
    parser.add_argument("--kimg", type=float, default=12.0)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table:
        table()
        return
    wanted = [("reals", 0.0), *((name, 0.0) for name in UNTRAINED)]
    wanted += [(name, given.kimg) for name in given.contenders]
    paths = {Path(path).stem: path for path in given.images}
    cells = [
        {"set": name, "contender": contender, "kimg": kimg}
        | {"resolution": given.resolution, "seed": given.seed}
        for name in paths
        for contender, kimg in wanted
    ]
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for cell in missing(cells, RESULTS / "artifacts.jsonl"):
            with spawn.Pool(1) as pool:
                runs = given.runs or Path(folder)
                found = pool.apply(measure, (paths[cell["set"]], cell, runs))
            record(cell | found, RESULTS / "artifacts.jsonl")
    figures()


if __name__ == "__main__":
    main()
