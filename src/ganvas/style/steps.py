"""The iterator: a photo repainted from coarse to fine, a report a step."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt16
from PIL import Image as Pillow
from torch import Tensor, nn

from ganvas.core.device import (
    Numerics,
    Precision,
    choose_device,
    choose_precision,
    keep_freed_memory,
)
from ganvas.core.errors import ConfigError, DataError, TrainingError
from ganvas.features.vgg import VGG19, load_vgg19
from ganvas.style import tiles
from ganvas.style.config import MIN_PX, StyleConfig
from ganvas.style.easel import Easel, next_start, painting_size, set_up
from ganvas.style.inputs import Job, Source, fitted, gather
from ganvas.style.objective import Look, Objective, layers_at
from ganvas.style.optimizers import MOVERS, Average, rate_at

Image = Float[Tensor, "1 _c _h _w"]
FINITE_STEPS = 25
"""Steps between two looks at whether the loss is finite: a look waits for the device."""


@dataclass(frozen=True)
class Scale:
    """One size of the pyramid."""

    height: int
    width: int
    steps: int


@dataclass(frozen=True)
class Plan:
    """What will be done, and what it takes."""

    scales: tuple[Scale, ...]
    device: torch.device
    precision: Precision
    tile_px: int | None
    needed_bytes: int

    @property
    def total_steps(self) -> int:
        """Steps of all scales."""
        return sum(scale.steps for scale in self.scales)


@dataclass(frozen=True, eq=False)
class StyleReport:
    """One step. Tensors stay on the device: whoever reads a number waits for it."""

    step: int
    total_steps: int
    scale: int
    scales: int
    height: int
    width: int
    last_of_scale: bool
    share: float
    """Work done, counted in pixels."""
    total: Float[Tensor, ""]
    losses: Mapping[str, Float[Tensor, ""]]
    """Weighted parts of the total, and the style loss layer by layer."""
    image: Image
    """The picture as it is optimised, averaged over the last steps; in [-1, 1]."""
    easel: Easel

    def render(self) -> Pillow.Image:
        """Finish the picture: colours, what must stay of the photo, opacity."""
        return Pillow.fromarray(self.easel.finish(self.image))

    def render_deep(self) -> UInt16[np.ndarray, "h w c"]:
        """Finish it with 16 bits a channel."""
        return self.easel.finish(self.image, bits=16)


def plan(job: Job, config: StyleConfig) -> Plan:
    """Lay out the pyramid, and choose device, precision and tiles."""
    device = choose_device(config.device)
    precision = choose_precision(device) if config.precision == "auto" else config.precision
    if config.style_weights and len(config.style_weights) != len(job.styles):
        raise ConfigError(
            f"{len(config.style_weights)} style weights for {len(job.styles)} paintings: "
            f"give one each"
        )
    least_px = MIN_PX * max(job.content.size) / min(job.content.size)
    if config.size < least_px:
        height, width = job.content.size
        raise DataError(
            f"the photo is so narrow ({width} x {height} px) that at size {config.size} it "
            f"would have less than {MIN_PX} px: choose a size from {math.ceil(least_px)} up"
        )
    sizes = [px for px in scale_sizes(config) if px >= least_px]
    steps = [*config.steps, *[config.steps[-1]] * len(sizes)]
    scales = tuple(
        Scale(*fitted(job.content.size, px), steps[index]) for index, px in enumerate(sizes)
    )
    last = scales[-1]
    tile_px: int | None = config.tile_px
    if tile_px and tile_px < tiles.LEAST_PX:
        raise ConfigError(f"tile_px is {tile_px}: give at least {tiles.LEAST_PX}, or 0")
    shown = [painting_size(style, (last.height, last.width), config) for style in job.styles]
    largest = max(height * width for height, width in shown)
    if not tile_px:
        free = tiles.free_bytes(device)
        tile_px = tiles.choose_tile_px(last.height, last.width, precision, free, largest)
    needed = tiles.needed_bytes(last.height, last.width, precision, tile_px, largest)
    return Plan(scales, device, precision, tile_px, needed)


def scale_sizes(config: StyleConfig) -> list[int]:
    """Long sides of all scales, coarsest first, a factor of 1.41 apart."""
    if not config.coarsest_px:
        return [config.size]
    number = 1 + max(0, math.floor(2 * math.log2(config.size / config.coarsest_px) + 1e-6))
    return [round(config.size / 2 ** (k / 2)) for k in reversed(range(number))]


def stylize_steps(
    content: Source,
    styles: Source | Sequence[Source],
    config: StyleConfig | None = None,
    *,
    masks: Source | Sequence[Source] = (),
    protect: Source | None = None,
) -> Iterator[StyleReport]:
    """Repaint a photo in the style of paintings, one report a step; stop by not going on.

    A mask is white where its painting counts; `protect` is white where the photo stays.
    Everything is read and checked before the first step.
    """
    config = config or StyleConfig()
    job = gather(content, styles, masks, protect)
    return paint_steps(job, config, plan(job, config))


def paint_steps(job: Job, config: StyleConfig, todo: Plan) -> Iterator[StyleReport]:
    """Carry out a plan."""
    keep_freed_memory()
    numerics = Numerics(todo.device, todo.precision)
    vgg = _network(config, numerics)
    mover = MOVERS[config.optimizer]()
    image: Image | None = None
    below = torch.empty(0)
    step, done, work = 0, 0.0, sum(one.height * one.width * one.steps for one in todo.scales)
    for index, scale in enumerate(todo.scales):
        size = scale.height, scale.width
        easel = set_up(job, config, size, todo.device)
        content_layers, style_layers = layers_at(config, max(size))
        look = Look(vgg, numerics, content_layers, style_layers)
        objective = Objective(config, look, easel.scene, todo.tile_px)
        image = easel.start if image is None else next_start(image, easel.scene, below, config)
        below = easel.scene.content
        moving = mover.start_scale(image)
        average = Average(1 - 1 / max(1.0, config.averaging * scale.steps))
        for k in range(scale.steps):
            total = mover.step(objective, rate_at(config, k, scale.steps))
            step, done = step + 1, done + scale.height * scale.width
            image = average.add(moving.detach().clamp(-1, 1))
            if step % FINITE_STEPS == 0 or step == todo.total_steps:
                _check_finite(total, step)
            yield StyleReport(
                step=step,
                total_steps=todo.total_steps,
                scale=index,
                scales=len(todo.scales),
                height=scale.height,
                width=scale.width,
                last_of_scale=k + 1 == scale.steps,
                share=done / work,
                total=total,
                losses=objective.losses,
                image=image,
                easel=easel,
            )


def _network(config: StyleConfig, numerics: Numerics) -> VGG19:
    vgg = load_vgg19(numerics.device, pooling=config.pooling)
    numerics.place(vgg)
    first = vgg.convolutions[0]
    assert isinstance(first, nn.Conv2d)
    # A frame of mean grey around the picture would be an edge for the network, and be painted.
    first.padding_mode = "replicate"
    if numerics.precision == "bf16":  # Once, instead of at every step.
        vgg.convolutions.to(torch.bfloat16)
    return vgg


def _check_finite(total: Tensor, step: int) -> None:
    if not bool(torch.isfinite(total)):
        raise TrainingError(
            f"the loss is not finite at step {step}: lower the learning rate, or use adam"
        )
