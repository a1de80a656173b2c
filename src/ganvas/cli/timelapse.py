"""`ganvas timelapse`: how a run learned, as a small film."""

from ganvas.cli import console
from ganvas.cli.folders import runs_root
from ganvas.cli.options import Out


def timelapse(run: str, /, *, out: Out) -> None:
    """Show how a run learned: the same seeds at every snapshot, as an endless film.

    Parameters
    ----------
    run
        A run's folder, its name under runs/, or its number.
    out
        The film: a .webp, a .gif (larger, fewer colours), or with the extra "video" an .mp4.
    """
    from ganvas.latent.timelapse import timelapse as write_film

    out.parent.mkdir(parents=True, exist_ok=True)
    write_film(run, out, root=runs_root())
    console.out().print(f"Film: {console.short_path(out)}", soft_wrap=True)
