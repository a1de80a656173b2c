"""`ganvas directions`: a sheet of the directions in which a run's pictures change most."""

from ganvas.cli import console
from ganvas.cli.folders import find_model
from ganvas.cli.options import Out, Switch
from ganvas.core.errors import ConfigError
from ganvas.latent.seeds import parse_stations


def directions(
    run: str,
    /,
    *,
    out: Out,
    seed: str = "0",
    num: int = 8,
    by: float = 3.0,
    pca: Switch = False,
    psi: float = 1.0,
    label: str | None = None,
) -> None:
    """Show in which directions pictures change most: a row each, the seed's picture in the middle.

    They are numbered from 1; ganvas walk --direction 3 makes a film of one.

    Parameters
    ----------
    run
        A run's folder, its name under runs/, its number, or an exported file.
    out
        The sheet, a .png.
    seed
        What is changed: a seed, or the latent.json of a projection.
    num
        How many directions, the strongest first.
    by
        How far to go along them, in standard deviations.
    pca
        Directions in which styles vary most, for --arch stylegan2, instead of those that change
        the first layer most; named pca1, pca2 ...
    psi
        Below 1: closer to the average picture, less varied; 1 changes nothing.
    label
        Class to make pictures of, for a run trained with --classes folders.
    """
    if num < 1:
        raise ConfigError(f"--num is {num}: it must be at least 1")
    (first, *_), model = parse_stations(seed), find_model(run)
    from ganvas.core import images
    from ganvas.latent.directions import sheet
    from ganvas.latent.load import load_generator

    G = load_generator(model)
    drawn = sheet(
        G, first, source="pca" if pca else "weights", num=num, by=by, psi=psi, label=label
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    images.write_png(out, drawn)
    console.out().print(f"Sheet: {console.short_path(out)}", soft_wrap=True)
