"""Pictures from seeds: a seed means one picture, in any batch and on any device."""

from collections.abc import Sequence

import torch
from PIL import Image

from ganvas.core.errors import ConfigError
from ganvas.core.pixels import to_arrays
from ganvas.latent.stations import Station, stations
from ganvas.models.base import Generator

CPU_BATCH = 8
"""Large enough for speed, small enough that one picture costs little."""


def generate(
    G: Generator,
    seeds: Sequence[Station],
    *,
    psi: float = 1.0,
    label: str | int | None = None,
    batch_size: int = 64,
) -> list[Image.Image]:
    """Return a picture a seed: the same whichever seeds stand beside it.

    Other devices and thread counts round differently: there a pixel may differ by a grey level.
    A seed may also be the latent.json of a projection. `psi` below 1 trades variety for typical
    pictures; see `latent.space`. `label` is a class by name or number; without it, seed s shows
    class s modulo their number, as in the sample grids of the training.
    """
    if G.training:
        raise ConfigError("the generator is in training mode: call G.eval() first")
    if G.channels not in (1, 3):
        raise ConfigError(f"this generator makes points with {G.channels} values, not pictures")
    on_cpu = next(G.parameters()).device.type == "cpu"
    size = min(batch_size, CPU_BATCH) if on_cpu else batch_size
    pictures: list[Image.Image] = []
    for start in range(0, len(seeds), size):
        some = list(seeds[start : start + size])
        # Sums are rounded differently in batches of another size: all have one, the last is
        # filled up with its own last seed.
        full = some + some[-1:] * (size - len(some))
        with torch.inference_mode():
            space, points, labels = stations(G, full, [label])
            images = space.render(space.typical(points, labels, psi))
        for pixels in to_arrays(images[: len(some)]):
            pictures.append(Image.fromarray(pixels[..., 0] if G.channels == 1 else pixels))
    return pictures
