"""`ganvas generate`: one picture a seed, and all of them in a grid when asked."""

from collections.abc import Sequence
from pathlib import Path

from ganvas.cli import console
from ganvas.cli.folders import find_model
from ganvas.cli.options import Out, Switch
from ganvas.latent.seeds import parse_stations

CHUNK = 256
"""Pictures made at a time: bounds memory, and a long list of seeds shows up on disk early."""


def generate(
    run: str,
    /,
    *,
    out: Out,
    seeds: str = "0-63",
    psi: float = 1.0,
    label: str | None = None,
    grid: Switch = False,
) -> None:
    """Make new pictures with a trained run: seed0000.png, seed0001.png ...

    A seed gives the same picture on every machine.

    Parameters
    ----------
    run
        A run's folder, its name under runs/, its number, or an exported file.
    out
        Folder for the pictures.
    seeds
        Which ones: 0-63, or 0,4,9; the latent.json of a projection may be among them.
    psi
        Below 1: closer to the average picture, less varied; 1 changes nothing.
    label
        Class to make pictures of, for a run trained with --classes folders.
    grid
        Also write all of them into one picture, grid.png.
    """
    numbers, model = parse_stations(seeds), find_model(run)
    written = write_pictures(model, out, numbers, psi=psi, label=label, grid=grid)
    shown = written if len(written) < 4 else [written[0], "...", *written[-1 - grid :]]
    text = f"Pictures in {console.short_path(out)}: {' '.join(shown)}"
    console.out().print(text, soft_wrap=True)


def write_pictures(
    model: Path,
    folder: Path,
    seeds: Sequence[int | str],
    *,
    psi: float = 1.0,
    label: str | None = None,
    grid: bool = False,
) -> list[str]:
    """Write a picture a seed, and the grid; return the names of the files."""
    import numpy as np

    from ganvas.core import images
    from ganvas.latent.generate import generate as make_pictures
    from ganvas.latent.load import load_generator

    G = load_generator(model)
    folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    cells = []
    for start in range(0, len(seeds), CHUNK):
        chunk = seeds[start : start + CHUNK]
        for seed, picture in zip(chunk, make_pictures(G, chunk, psi=psi, label=label), strict=True):
            pixels = np.asarray(picture)
            pixels = pixels if pixels.ndim == 3 else pixels[..., None]
            is_seed = isinstance(seed, int)
            names.append(f"seed{seed:04d}.png" if is_seed else f"latent{len(names):04d}.png")
            images.write_png(folder / names[-1], pixels)
            if grid:
                cells.append(pixels)
    if grid:
        names.append("grid.png")
        images.write_png(folder / names[-1], images.grid(np.stack(cells)))
    return names
