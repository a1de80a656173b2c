"""`ganvas walk`: from seed to seed in an endless film."""

import time

from ganvas.cli import console
from ganvas.cli.folders import find_model
from ganvas.cli.options import Out
from ganvas.latent.seeds import parse_stations


def walk(
    run: str,
    /,
    *,
    out: Out,
    seeds: str = "0-5",
    seconds: float | None = None,
    psi: float = 1.0,
    label: str | None = None,
    direction: str | None = None,
    by: float = 3.0,
) -> None:
    """Walk from seed to seed and back to the first: an endless film of pictures that change.

    With --direction it goes from each seed backwards and forwards along that direction.

    Parameters
    ----------
    run
        A run's folder, its name under runs/, its number, or an exported file.
    out
        The film: a .webp, a .gif (larger, fewer colours), or with the extra "video" an .mp4.
    seeds
        Which ones, in this order: 0-5, or 0,4,9; the latent.json of a projection may be among them.
    seconds
        How long the film is; without it 2 seconds from one to the next.
    psi
        Below 1: closer to the average picture, less varied; 1 changes nothing.
    label
        Class to show, for a run trained with --classes folders; cat,dog goes from one to the other.
    direction
        A row of the sheet of ganvas directions: 3, or pca3.
    by
        How far to go along the direction, in standard deviations.
    """
    numbers, model = parse_stations(seeds), find_model(run)
    from ganvas.latent.load import load_generator
    from ganvas.latent.walk import walk as write_walk

    G = load_generator(model)
    out.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    frames = write_walk(
        G, numbers, out, seconds=seconds, psi=psi, label=label, direction=direction, by=by
    )
    speed = frames / (time.monotonic() - start)
    text = f"Film: {console.short_path(out)}, {frames} frames, {speed:.0f} made a second"
    console.out().print(text, soft_wrap=True)
