"""`ganvas demo`: both jobs on pictures that come with ganvas, in some three minutes."""

from pathlib import Path

from ganvas.cli import console
from ganvas.cli.interrupt import EXIT_CODE, stop_request
from ganvas.cli.options import Out

IMAGES = "builtin:digits"
PHOTO = Path("builtin:cat")
STYLE = Path("builtin:flow")


def demo(
    *,
    out: Out = Path("ganvas-demo"),
    minutes: float = 2.0,
) -> int:
    """Train on hand-written digits and make new ones; then repaint a photo of a cat.

    All pictures come with ganvas; no network and no GPU is needed. Again: it goes on, or shows
    what it made.

    Parameters
    ----------
    out
        Folder for the run and the pictures.
    minutes
        How long to train.
    """
    from ganvas.cli.generate import write_pictures
    from ganvas.cli.painting import Order, paint
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
    screen.print(f"Repainting {PHOTO} in the style of {STYLE}; Ctrl-C keeps the picture so far.")
    painted = out / "cat.png"
    code = paint(Order(PHOTO, [STYLE], painted, wanted={"preset": "draft", "size": 384}))
    folder = console.short_path(out)
    real, made = console.short_path(finished.run / "reals.png"), f"{folder}/digits/grid.png"
    lines = [f"Real digits:  {real}", f"Made digits:  {made}"]
    lines += [f"Painted cat:  {console.short_path(painted)}", "Now with your own pictures:"]
    lines += ["  ganvas train photos/", "  ganvas stylize photo.jpg painting.jpg -o painted.png"]
    screen.print("\n".join(lines), soft_wrap=True)
    return code
