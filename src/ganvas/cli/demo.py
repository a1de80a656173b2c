"""`ganvas demo`: the whole way on pictures that come with ganvas, in two minutes."""

from pathlib import Path

from ganvas.cli import console
from ganvas.cli.interrupt import EXIT_CODE, stop_request
from ganvas.cli.options import Out

IMAGES = "builtin:digits"


def demo(
    *,
    out: Out = Path("ganvas-demo"),
    minutes: float = 2.0,
) -> int:
    """Train on hand-written digits that come with ganvas, then make new ones.

    Needs no network, no GPU and no pictures. Again: it goes on, or shows what it made.

    Parameters
    ----------
    out
        Folder for the run and the pictures.
    minutes
        How long to train.
    """
    from ganvas.cli.generate import write_pictures
    from ganvas.cli.progress import open_display, watched
    from ganvas.cli.running import train_shown
    from ganvas.training.configure import complete, look

    screen = console.out()
    screen.print(f"Training on {IMAGES} for {minutes:g} minutes; Ctrl-C stops early.")
    wanted = {"minutes": minutes, "kimg": None}
    with stop_request() as stop, open_display(screen) as display:
        config = complete(IMAGES, wanted, look(IMAGES, wanted, watched(display, stop)))
        finished = train_shown(config, display, stop, root=out / "runs")
    if finished.interrupted:
        screen.print("Stopped; nothing is lost: the same command goes on.")
        return EXIT_CODE
    write_pictures(finished.run, out / "digits", range(64), grid=True)
    folder = console.short_path(out)
    real, made = console.short_path(finished.run / "reals.png"), f"{folder}/digits/grid.png"
    lines = [f"Real digits:  {real}", f"Made digits:  {made}"]
    lines += ["Now with your own pictures:", "  ganvas inspect photos/", "  ganvas train photos/"]
    screen.print("\n".join(lines), soft_wrap=True)
    return 0
