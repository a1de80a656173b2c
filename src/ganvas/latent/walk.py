"""A walk from seed to seed and back to the first, at an even pace: a film without a seam."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ganvas.core.errors import ConfigError
from ganvas.latent.directions import BY, moved, step
from ganvas.latent.film import check_film, to_frames, write_film
from ganvas.latent.generate import CPU_BATCH
from ganvas.latent.space import Points, Space
from ganvas.latent.stations import Label, Station, class_of, split_labels, stations
from ganvas.models.base import Generator

FRAME_MS = 40
SECONDS_EACH = 2.0
RULER = 16
"""Pieces in which the way between two stations is measured."""


def walk(
    G: Generator,
    seeds: Sequence[Station],
    out: str | Path,
    *,
    seconds: float | None = None,
    psi: float | Sequence[float] = 1.0,
    label: Label | Sequence[Label] = None,
    direction: str | None = None,
    by: float = BY,
) -> int:
    """Write the walk through `seeds` as an endless film (.webp, .gif or .mp4); return its frames.

    25 pictures a second, 2 seconds a station unless `seconds` says how long it is as a whole.
    The rest is as in `path`. Raises ConfigError, and MissingExtraError for an .mp4 without PyAV.
    """
    out = Path(out)
    check_film(out)
    num = max(len(seeds), len(split_labels(G, label))) * (1 if direction is None else 2)
    seconds = SECONDS_EACH * num if seconds is None else seconds
    num_frames = max(num, round(1000 * seconds / FRAME_MS))
    images = path(G, seeds, num_frames, psi=psi, label=label, direction=direction, by=by)
    frames = (frame for image in images for frame in to_frames(image[None]))
    write_film(out, frames, [FRAME_MS] * num_frames)
    return num_frames


def path(
    G: Generator,
    seeds: Sequence[Station],
    num_frames: int,
    *,
    psi: float | Sequence[float] = 1.0,
    label: Label | Sequence[Label] = None,
    direction: str | None = None,
    by: float = BY,
) -> Iterator[Float[Tensor, "c h w"]]:
    """Yield images in [-1, 1] on the closed way through `seeds`, equally far apart in its space.

    The first is that of the first seed, and the one after the last would be it again. A seed may
    also be the latent.json of a projection. With classes all frames show one: `label`, or that of
    the first seed; several, as in "cat,dog", are for the first seed, the second and so on, which
    begin anew where they are too few; so are several `psi`. With a `direction` (see
    `latent.directions`) the way goes from `by` standard deviations before each seed to as many
    behind it.
    Raises ConfigError for fewer than two different seeds or classes.
    """
    first = next((seed for seed in seeds if isinstance(seed, int)), 0)
    labels = split_labels(G, label)
    if label is None:
        own = class_of(G, first, None)
        labels = [own if isinstance(seed, int) else None for seed in seeds]
    num = max(len(seeds), len(labels))
    with torch.inference_mode():
        space, points, classes = stations(G, list(islice(cycle(seeds), num)), labels)
        psis = [float(psi)] if isinstance(psi, float | int) else psi
        shares = points.new_tensor(list(islice(cycle(psis), num)))
        points = space.typical(points, classes, shares[:, None, None])
        if direction is not None:
            ways = by * step(G, direction) * points.new_tensor([[-1.0], [1.0]]).repeat(num, 1)
            points = moved(space, points.repeat_interleave(2, dim=0), ways)
        if (points == points[:1]).all():
            raise ConfigError(f"a walk needs at least two different seeds or classes, not {seeds}")
        way = along(points, space, num_frames)
    for part in torch.split(way, CPU_BATCH):
        with torch.inference_mode():
            images = space.render(part).float()
        yield from images


def along(stations: Points, space: Space, num_frames: int) -> Points:
    """Return as many points on the closed way through `stations`, equally far apart along it."""
    following = stations.roll(-1, 0)
    ticks = torch.linspace(0, 1, RULER + 1, device=stations.device)

    def at(position: Float[Tensor, " n"]) -> Points:
        index = position.floor().long().clamp(max=len(stations) - 1)
        return space.between(stations[index], following[index], position - index)

    position = torch.cat([index + ticks[:-1] for index in range(len(stations))] + [ticks[-1:] * 0])
    position[-1] = len(stations)
    ruler = at(position)
    walked = torch.cat([ruler.new_zeros(1), ruler.diff(dim=0).flatten(1).norm(dim=1).cumsum(0)])
    wanted = walked[-1] * torch.arange(num_frames, device=stations.device) / num_frames
    before = torch.searchsorted(walked, wanted, right=True).clamp(max=len(walked) - 1) - 1
    piece = walked[before + 1] - walked[before]
    share = torch.where(piece > 0, (wanted - walked[before]) / piece.clamp(min=1e-12), 0.0)
    return at(position[before] + share / RULER)
