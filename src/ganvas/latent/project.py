"""The latent of a photo: the point from which the generator makes a picture most like it.

In W and W+ as in StyleGAN2 (1912.04958, appendix D): from the mean style, together with the noise,
which is kept noise: what it must not carry, the style has to.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from ganvas.core import images, pixels
from ganvas.core.errors import ConfigError, DataError, UnreadablePicture
from ganvas.data.decode import to_channels
from ganvas.features.vgg import EMBED_PX, VGG19, load_vgg19, resized
from ganvas.latent.space import Labels, Points, Space, space_of, with_styles
from ganvas.latent.stations import Found, Label, SpaceName, class_of
from ganvas.models.base import Generator, StyleGenerator, seeded_latents

LAYERS = ("relu1_2", "relu2_2", "relu3_4")
BATCH = 16
"""So many of them are looked at together."""
WHITE = "#ffffff"
NOISE_WEIGHT = 1e5
"""The paper's, for the correlation of the noise."""
SMALLEST_NOISE = 8
"""Maps of this side are not shrunk any more."""


@dataclass(frozen=True)
class Projection:
    """What one step found: the best of all starts."""

    step: int
    num_steps: int
    space: SpaceName
    rows: Float[Tensor, "n d"]
    """The latent z, the style w, or a style for each layer."""
    label: Int64[Tensor, ""] | None
    image: Float[Tensor, "1 c h w"]
    """Made from `rows`, in [-1, 1]; with `noise`, from the noise that was found with them."""
    loss: Float[Tensor, ""]
    """Reading it waits for the device."""

    def to_found(self) -> Found:
        """Return what a latent.json holds, and wait for the device."""
        label = None if self.label is None else int(self.label)
        return Found(
            space=self.space,
            latent=self.rows.tolist(),
            label=label,
            loss=float(self.loss),
            step=self.step,
        )


def project_steps(
    G: Generator,
    target: Float[Tensor, "1 c h w"],
    *,
    space: SpaceName | None = None,
    noise: bool = False,
    label: Label = None,
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
    the first `candidates` seeds, but the last start of styles is their mean; with classes and no
    `label` they may be of any class and keep it. `space` is w where there are styles, else z; w+
    is a style for each layer. `noise` searches that of all layers too, and keeps it noise. Stop by
    not asking for the next. Raises ConfigError.
    """
    space = space or ("w" if isinstance(G, StyleGenerator) else "z")
    place = space_of(G, "z" if space == "z" else "w")
    if noise and not place.is_style:
        raise ConfigError("noise is searched together with styles: in space w or w+")
    distances = _distances_to(target, G, vgg, pixel_weight)
    points, labels = _starts(G, place, distances, label, starts=starts, candidates=candidates)
    if space == "w+":
        points = points.repeat(1, with_styles(G).num_styles, 1)
    rows = place.searched(points).clone().requires_grad_()
    rest = points[:, rows.shape[1] :]
    maps = _noise_for(with_styles(G), len(rows)) if noise else []
    searched = [rows, *maps]
    optimizer = torch.optim.Adam(searched, lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for step in range(num_steps + 1):
        made = place.render(torch.cat([rows, rest], dim=1), maps or None)
        losses = distances(made)
        best = losses.detach().argmin()
        yield Projection(
            step,
            num_steps,
            space,
            rows[best].detach().clone(),
            None if labels is None else labels[best],
            made[best][None].detach(),
            losses[best].detach(),
        )
        optimizer.zero_grad()
        signal = sum((correlation(one) for one in maps), start=losses.new_zeros(()))
        torch.autograd.backward(losses.sum() + NOISE_WEIGHT * signal, inputs=searched)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            rows.copy_(place.hold(rows))
            for one in maps:
                one.copy_(F.layer_norm(one, one.shape[1:]))


def _noise_for(G: StyleGenerator, num: int) -> list[Tensor]:
    """Return the generator's noise for each of so many pictures, to be searched."""
    return [one.repeat(num, 1, 1, 1).requires_grad_() for one in G.fixed_noise()]


def correlation(noise: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """Sum the squared means of n(x, y) n(x - 1, y) and n(x, y) n(x, y - 1) at all sizes.

    Noise whose neighbours have nothing to do with each other has none, however much it is
    shrunk (each time the mean of 2x2 is doubled, which keeps the variance 1).
    """
    total = noise.new_zeros(())
    while True:
        for dim in (2, 3):
            total = total + (noise * noise.roll(1, dim)).mean((1, 2, 3)).square().sum()
        if noise.shape[-1] <= SMALLEST_NOISE:
            return total
        noise = 2 * F.avg_pool2d(noise, 2)


def _distances_to(
    target: Float[Tensor, "1 c h w"], G: Generator, vgg: VGG19 | None, pixel_weight: float
) -> Callable[[Tensor], Tensor]:
    device = next(G.parameters()).device
    target, vgg = target.to(device), vgg or load_vgg19(device)
    wanted = vgg(resized(target, *EMBED_PX), LAYERS)

    def distances(made: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        seen = vgg(resized(made, *EMBED_PX), LAYERS)
        total = pixel_weight * (made - target).square().mean((1, 2, 3))
        for name in LAYERS:
            missed = (seen[name] - wanted[name]).square().mean((1, 2, 3))
            total = total + missed / wanted[name].square().mean() / len(LAYERS)
        return total

    return distances


@torch.no_grad()
def _starts(
    G: Generator,
    space: Space,
    distances: Callable[[Tensor], Tensor],
    label: Label,
    *,
    starts: int,
    candidates: int,
) -> tuple[Points, Labels | None]:
    """Return the points of the seeds whose pictures are nearest, and the mean style as the last."""
    device, seeds = next(G.parameters()).device, range(candidates)
    classes = [class_of(G, seed, label) for seed in seeds]
    labels = torch.tensor(classes).to(device) if G.num_classes else None
    points = space.points(seeded_latents(seeds, G.z_dim).to(device), labels)
    far = torch.cat([distances(space.render(part)) for part in torch.split(points, BATCH)])
    nearest = far.argsort()[:starts]
    points, labels = points[nearest], None if labels is None else labels[nearest]
    if space.is_style:
        points[-1:] = space.centre(points, labels)[-1:]
    return points, labels


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
