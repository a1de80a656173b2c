"""A walk from seed to seed and back to the first, at an even pace: a film without a seam."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.core.errors import ConfigError
from ganvas.latent.film import check_film, to_frames, write_film
from ganvas.latent.generate import CPU_BATCH, labels_for
from ganvas.latent.space import Points, Space, space_of
from ganvas.models.base import Generator, seeded_latents

FRAME_MS = 40
SECONDS_PER_SEED = 2.0
RULER = 16
"""Pieces in which the way between two seeds is measured."""


def walk(
    G: Generator,
    seeds: Sequence[int],
    out: str | Path,
    *,
    seconds: float | None = None,
    psi: float = 1.0,
    label: str | int | None = None,
) -> int:
    """Write the walk through `seeds` as an endless film (.webp, .gif or .mp4); return its frames.

    25 pictures a second, 2 seconds a seed unless `seconds` says how long it is as a whole.
    Raises ConfigError, and MissingExtraError for an .mp4 without PyAV.
    """
    out = Path(out)
    check_film(out)
    seconds = SECONDS_PER_SEED * len(seeds) if seconds is None else seconds
    num_frames = max(len(seeds), round(1000 * seconds / FRAME_MS))
    images = path(G, seeds, num_frames, psi=psi, label=label)
    frames = (frame for image in images for frame in to_frames(image[None]))
    write_film(out, frames, [FRAME_MS] * num_frames)
    return num_frames


def path(
    G: Generator,
    seeds: Sequence[int],
    num_frames: int,
    *,
    psi: float = 1.0,
    label: str | int | None = None,
) -> Iterator[Float[Tensor, "c h w"]]:
    """Yield images in [-1, 1] on the closed way through `seeds`, equally far apart in its space.

    The first is that of the first seed, and the one after the last would be it again. With
    classes all frames show one: `label`, or that of the first seed in sample grids.
    Raises ConfigError for fewer than two different seeds.
    """
    if len(set(seeds)) < 2:
        raise ConfigError(f"a walk needs at least two different seeds, not {list(seeds)}")
    labels = labels_for(G, [seeds[0]] * len(seeds), label)
    space, device = space_of(G), next(G.parameters()).device
    with torch.inference_mode():
        z = (psi * seeded_latents(seeds, G.z_dim)).to(device)
        stations = space.points(z, None if labels is None else labels.to(device))
        way = along(stations, space, num_frames)
        for start in range(0, num_frames, CPU_BATCH):
            points = way[start : start + CPU_BATCH]
            shown = None if labels is None else labels[:1].expand(len(points)).to(device)
            yield from space.render(points, shown).float()


def along(stations: Points, space: Space, num_frames: int) -> Float[Tensor, "frames z"]:
    """Return points on the closed way through `stations`, equally far apart along it."""
    following = stations.roll(-1, 0)
    ticks = torch.linspace(0, 1, RULER + 1, device=stations.device)

    def at(position: Float[Tensor, " n"]) -> Points:
        index = position.floor().long().clamp(max=len(stations) - 1)
        return space.between(stations[index], following[index], position - index)

    position = torch.cat([index + ticks[:-1] for index in range(len(stations))] + [ticks[-1:] * 0])
    position[-1] = len(stations)
    ruler = at(position)
    walked = torch.cat([ruler.new_zeros(1), ruler.diff(dim=0).norm(dim=1).cumsum(0)])
    wanted = walked[-1] * torch.arange(num_frames, device=stations.device) / num_frames
    before = torch.searchsorted(walked, wanted, right=True).clamp(max=len(walked) - 1) - 1
    piece = walked[before + 1] - walked[before]
    share = torch.where(piece > 0, (wanted - walked[before]) / piece.clamp(min=1e-12), 0.0)
    return at(position[before] + share / RULER)
