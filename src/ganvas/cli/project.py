"""`ganvas project`: the latent of a photo, and the way to it."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ganvas.cli import console
from ganvas.cli.folders import find_model
from ganvas.cli.interrupt import EXIT_CODE, stop_request
from ganvas.cli.options import Out, Switch
from ganvas.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float
    from PIL.Image import Image
    from torch import Tensor

    from ganvas.latent.project import Projection

LINE_SECONDS = 5.0
FILM_FRAMES = 80
FRAME_MS = 60
LAST_MS = 1500


def project(
    run: str,
    photo: str,
    /,
    *,
    out: Out,
    steps: int = 200,
    starts: int = 4,
    space: Literal["z", "w", "w+"] | None = None,
    noise: Switch = False,
    label: str | None = None,
) -> int:
    """Find the latent from which a run makes a picture most like a photo.

    Writes comparison.png (the photo as the run sees it, and what was found), projection.png,
    latent.json (which generate, walk and mix take for a seed), and way.webp: the search as a film.
    Ctrl-C keeps what was found so far.

    Parameters
    ----------
    run
        A run's folder, its name under runs/, its number, or an exported file.
    photo
        A picture of what the run was trained on.
    out
        Folder for what is found.
    steps
        More of them come closer.
    starts
        Search from so many points at once; the best counts.
    space
        Where: z; or w, the default with stylegan2; or w+, a style for each layer, which comes
        closest.
    noise
        Search the noise of stylegan2 too, as in its paper; latent.json is without it.
    label
        Class to search in, for a run trained with --classes folders; without it all of them.
    """
    for name, value in (("--steps", steps), ("--starts", starts)):
        if value < 1:
            raise ConfigError(f"{name} is {value}: it must be at least 1")
    model = find_model(run)
    from ganvas.latent.film import write_film
    from ganvas.latent.load import load_generator
    from ganvas.latent.project import project_steps, read_target

    G = load_generator(model)
    target = read_target(photo, G)
    search = project_steps(
        G, target, space=space, noise=noise, label=label, num_steps=steps, starts=starts
    )
    found, frames = follow(search)
    write_projection(out, target, found)
    write_film(out / "way.webp", frames, [FRAME_MS] * (len(frames) - 1) + [LAST_MS])
    where = console.short_path(out / "comparison.png")
    console.out().print(f"Found: {where}, loss {float(found.loss):.4f}", soft_wrap=True)
    return EXIT_CODE if found.step < steps else 0


def follow(search: "Iterator[Projection]") -> "tuple[Projection, list[Image]]":
    """Say now and then how far it is; return the last find, and the way to it in pictures."""
    from ganvas.latent.film import to_frames

    said_at, found = time.monotonic(), None
    frames: list[Image] = []
    with stop_request() as stop:
        for found in search:
            is_last = found.step == found.num_steps
            if is_last or found.step % max(1, found.num_steps // FILM_FRAMES) == 0:
                frames += to_frames(found.image)
            if time.monotonic() - said_at > LINE_SECONDS:
                said_at = time.monotonic()
                line = f"step {found.step} of {found.num_steps}  loss {float(found.loss):.4f}"
                console.out().print(line, soft_wrap=True)
            if stop():
                break
    assert found is not None
    return found, frames


def write_projection(out: Path, target: "Float[Tensor, '1 c h w']", found: "Projection") -> None:
    """Write the two pictures and the latent."""
    import numpy as np

    from ganvas.core import images, pixels
    from ganvas.core.files import write_text

    out.mkdir(parents=True, exist_ok=True)
    made, real = pixels.to_arrays(found.image), pixels.to_arrays(target)
    images.write_png(out / "projection.png", made[0])
    images.write_png(out / "comparison.png", images.grid(np.concatenate([real, made]), columns=2))
    write_text(out / "latent.json", json.dumps(found.to_found().to_dict()) + "\n")
