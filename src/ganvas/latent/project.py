"""The latent of a photo: the point from which the generator makes a picture most like it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ganvas.core import images, pixels
from ganvas.core.errors import DataError, UnreadablePicture
from ganvas.data.decode import to_channels
from ganvas.features.vgg import EMBED_PX, VGG19, load_vgg19, resized
from ganvas.latent.generate import labels_for
from ganvas.latent.space import Space, space_of
from ganvas.models.base import Generator, seeded_latents

LAYERS = ("relu1_2", "relu2_2", "relu3_4")
BATCH = 16
"""So many of them are looked at together."""
WHITE = "#ffffff"


@dataclass(frozen=True)
class Projection:
    """What one step found: the best of all starts."""

    step: int
    num_steps: int
    point: Float[Tensor, " z"]
    label: Int64[Tensor, ""] | None
    image: Float[Tensor, "1 c h w"]
    """Made from `point`, in [-1, 1]."""
    loss: Float[Tensor, ""]
    """Reading it waits for the device."""


def project_steps(
    G: Generator,
    target: Float[Tensor, "1 c h w"],
    *,
    label: str | int | None = None,
    num_steps: int = 200,
    starts: int = 4,
    candidates: int = 128,
    lr: float = 0.1,
    pixel_weight: float = 1.0,
    vgg: VGG19 | None = None,
) -> Iterator[Projection]:
    """Search for the latent of a picture in [-1, 1], by Adam from several starts at once.

    What is made small is the difference of VGG-19 features, each layer's relative to the target's,
    plus `pixel_weight` times the mean squared difference of pixels. The starts are the best of
    the first `candidates` seeds; with classes and no `label` they may be of any class and keep
    it. Step 0 is the best seed itself. Stop by not asking for the next. Raises ConfigError.
    """
    device = next(G.parameters()).device
    space, vgg = space_of(G), vgg or load_vgg19(device)
    target = target.to(device)
    wanted = vgg(resized(target, *EMBED_PX), LAYERS)

    def distances(made: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        seen = vgg(resized(made, *EMBED_PX), LAYERS)
        total = pixel_weight * (made - target).square().mean((1, 2, 3))
        for name in LAYERS:
            missed = (seen[name] - wanted[name]).square().mean((1, 2, 3))
            total = total + missed / wanted[name].square().mean() / len(LAYERS)
        return total

    labels = labels_for(G, range(candidates), label)
    labels = None if labels is None else labels.to(device)
    points = space.points(seeded_latents(range(candidates), G.z_dim).to(device), labels)
    best = _nearest(space, points, labels, distances)[:starts]
    points = points[best].clone().requires_grad_()
    labels = None if labels is None else labels[best]
    optimizer = torch.optim.Adam([points], lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for step in range(num_steps + 1):
        made = space.render(points, labels)
        losses = distances(made)
        first = losses.detach().argmin()
        yield Projection(
            step,
            num_steps,
            points[first].detach().clone(),
            None if labels is None else labels[first],
            made[first][None].detach(),
            losses[first].detach(),
        )
        optimizer.zero_grad()
        torch.autograd.backward(losses.sum(), inputs=[points])
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            points.copy_(space.hold(points))


@torch.no_grad()
def _nearest(
    space: Space,
    points: Tensor,
    labels: Int64[Tensor, " b"] | None,
    distances: Callable[[Tensor], Tensor],
) -> Int64[Tensor, " b"]:
    """Order points by how near their pictures are, the nearest first."""
    parts = [slice(k, k + BATCH) for k in range(0, len(points), BATCH)]
    shown = [space.render(points[k], None if labels is None else labels[k]) for k in parts]
    return torch.cat([distances(made) for made in shown]).argsort()


def read_target(photo: str | Path, G: Generator) -> Float[Tensor, "1 c h w"]:
    """Read a photo as the generator would have seen it in its training: cut, in its size.

    Raises DataError when it cannot be read.
    """
    try:
        picture = images.read(Path(photo))
    except UnreadablePicture as error:
        raise DataError(f"{photo}: {error}") from None
    flat = images.over(picture, WHITE)
    cut = images.fit(flat, size_px=G.size, how="crop", background=WHITE)
    # A copy, because a picture's own memory may not be written to, and torch minds.
    return pixels.from_arrays(np.array([to_channels(cut, G.channels)]))
