"""`ganvas mix`: a grid of pictures with the shapes of their row, the colours of their column."""

from ganvas.cli import console
from ganvas.cli.folders import find_model
from ganvas.cli.options import Out
from ganvas.latent.seeds import parse_stations


def mix(
    run: str,
    /,
    *,
    out: Out,
    rows: str = "0-5",
    columns: str = "6-11",
    fine_from: int | None = None,
    psi: float = 1.0,
    label: str | None = None,
) -> None:
    """Mix styles, for a run of --arch stylegan2: the shapes of one picture, the colours of another.

    The first column and the first row show what is mixed.

    Parameters
    ----------
    run
        A run's folder, its name under runs/, its number, or an exported file.
    out
        The grid, a .png.
    rows
        Seeds that give the coarse styles: 0-5, or 0,4,9; the latent.json of a projection may be
        among them.
    columns
        Seeds that give the fine styles.
    fine_from
        The first style that is taken from the column: 0 takes all; without it half of them.
    psi
        Below 1: closer to the average picture, less varied; 1 changes nothing.
    label
        Class to make pictures of, for a run trained with --classes folders.
    """
    sides, model = (parse_stations(rows), parse_stations(columns)), find_model(run)
    from ganvas.core import images
    from ganvas.latent.load import load_generator
    from ganvas.latent.mix import mix as draw

    grid = draw(load_generator(model), *sides, fine_from=fine_from, psi=psi, label=label)
    out.parent.mkdir(parents=True, exist_ok=True)
    images.write_png(out, grid)
    console.out().print(f"Grid: {console.short_path(out)}", soft_wrap=True)
