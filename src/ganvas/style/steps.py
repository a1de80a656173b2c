"""The iterator: a photo repainted from coarse to fine, a report a step."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8, UInt16
from PIL import Image as Pillow
from torch import Tensor
from torch.nn import functional as F

from ganvas.core import pixels
from ganvas.core.device import Numerics, choose_device, choose_precision, keep_freed_memory
from ganvas.core.errors import ConfigError, DivergedError
from ganvas.core.rng import rng
from ganvas.features.vgg import load_vgg19
from ganvas.style import colors, tiles
from ganvas.style.config import MIN_PX, StyleConfig
from ganvas.style.inputs import (
    Job,
    Pixels,
    Source,
    colors_at,
    fitted,
    gather,
    levels_at,
    load,
    share_at,
    share_of,
)
from ganvas.style.objective import Look, Objective, Painting, Region, Scene, Share, layers_at
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
    precision: str
    tile_px: int | None
    needed_bytes: int

    @property
    def total_steps(self) -> int:
        """Steps of all scales."""
        return sum(scale.steps for scale in self.scales)


@dataclass(frozen=True, eq=False)
class Easel:
    """One scale's pictures: what is optimised, where it starts, and how it is finished."""

    photo: Image
    alpha: UInt8[np.ndarray, "h w"] | None
    scene: Scene
    start: Image

    def finish(self, image: Image, *, bits: int = 8) -> np.ndarray:
        """Bring back the photo's colours, protected parts and opacity: h x w x 3 or 4."""
        if image.shape[1] == 1:
            image = colors.repaint_luminance(self.photo, image)
        if self.scene.paint is not None:
            image = torch.lerp(self.photo, image, self.scene.paint)
        to_arrays = pixels.to_arrays if bits == 8 else pixels.to_deep_arrays
        shown: np.ndarray = to_arrays(image)[0]
        if self.alpha is None:
            return shown
        alpha = self.alpha if bits == 8 else pixels.deepen(self.alpha)
        both: np.ndarray = np.concatenate([shown, alpha[..., None]], axis=2)
        return both


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
        raise ConfigError(
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
    if not tile_px:
        free = tiles.free_bytes(device)
        tile_px = tiles.choose_tile_px(last.height, last.width, precision, free)
    needed = tiles.needed_bytes(last.height, last.width, precision, tile_px)
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
    torch.manual_seed(config.seed)
    keep_freed_memory()
    numerics = Numerics(todo.device, "bf16" if todo.precision == "bf16" else "fp32")
    vgg = load_vgg19(todo.device, pooling=config.pooling)
    numerics.place(vgg)
    if numerics.precision == "bf16":  # Once, instead of at every step.
        vgg.convolutions.to(torch.bfloat16)
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
        image = easel.start if image is None else _next_start(image, easel.scene, below, config)
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


def set_up(job: Job, config: StyleConfig, size: tuple[int, int], device: torch.device) -> Easel:
    """Bring everything to one size and make the first picture."""

    def opacity_at(picture: Pixels, at: tuple[int, int]) -> Share | None:
        return None if picture.alpha is None else share_at(picture.alpha, at).to(device)

    photo = colors_at(job.content, size).to(device)
    paintings = []
    for style in job.styles:
        style_px = min(max(style.size), max(size) * config.style_scale)
        style_size = fitted(style.size, style_px)
        painting = _recolored(colors_at(style, style_size).to(device), photo, config)
        paintings.append(Painting(painting, opacity_at(style, style_size)))
    content = colors.luminance(photo) if config.keep_colors == "luminance" else photo
    paint, regions = _regions(job, config, size, opacity_at(job.content, size), device)
    scene = Scene(content, paint, regions, tuple(paintings))
    alpha = job.content.alpha
    levels = None if alpha is None else levels_at(alpha, size)
    return Easel(photo, levels, scene, _start(scene, config, size))


def _recolored(painting: Image, photo: Image, config: StyleConfig) -> Image:
    match config.keep_colors:
        case "none":
            return painting
        case "match":
            return colors.match_colors(painting, photo)
        case "luminance":
            return colors.match_luminance(colors.luminance(painting), colors.luminance(photo))


def _regions(
    job: Job,
    config: StyleConfig,
    size: tuple[int, int],
    opacity: Share | None,
    device: torch.device,
) -> tuple[Share | None, tuple[Region, ...]]:
    """Return where may be painted (None: everywhere), and which painting counts where."""
    kept = None if job.protect is None else share_of(job.protect, size).to(device)
    free = None if kept is None else 1 - kept
    weights = config.style_weights or (1.0,) * len(job.styles)
    shares = tuple(weight / sum(weights) for weight in weights)
    if not job.masks:
        return free, (Region(_times(free, opacity), shares),)
    masks = torch.cat([share_of(mask, size) for mask in job.masks]).to(device)
    masks = masks / masks.sum(0, keepdim=True).clamp_min(1)
    if len(masks) < len(job.styles):
        masks = torch.cat([masks, 1 - masks.sum(0, keepdim=True)])
    paint = _times(masks.sum(0, keepdim=True), free)
    regions = []
    for index, mask in enumerate(masks[:, None]):
        one = tuple(float(k == index) for k in range(len(job.styles)))
        regions.append(Region(_times(_times(mask, free), opacity), one))
    return paint, tuple(regions)


def _start(scene: Scene, config: StyleConfig, size: tuple[int, int]) -> Image:
    painting, content = scene.paintings[0].image, scene.content
    match config.init:
        case "content":
            if config.keep_colors != "none" or len(scene.regions) > 1:
                return content
            shares = scene.regions[0].shares
            matched = [colors.match_colors(content, one.image) for one in scene.paintings]
            mixed = torch.stack(
                [share * one for share, one in zip(shares, matched, strict=True)]
            ).sum(0)
            return torch.lerp(content, mixed, config.strength)
        case "noise":
            generator = rng(config.seed, "style noise")
            noise = torch.randn((1, content.shape[1], *size), generator=generator)
            flat = painting.flatten(2)
            mean, spread = flat.mean(2)[..., None, None], flat.std(2)[..., None, None]
            return (noise.to(content.device).clamp(-2, 2) * spread + mean).clamp(-1, 1)
        case "style":
            return _resized(painting, size)
        case path:
            start = colors_at(load(path, "picture to start from"), size).to(content.device)
            return colors.luminance(start) if content.shape[1] == 1 else start


def _next_start(image: Image, scene: Scene, below: Image, config: StyleConfig) -> Image:
    """Enlarge the last scale's picture; below full strength, add the photo's own fine detail."""
    size = scene.content.shape[2], scene.content.shape[3]
    larger = _resized(image, size)
    if config.strength == 1:
        return larger
    return larger + (1 - config.strength) * (scene.content - _resized(below, size))


def _resized(image: Image, size: tuple[int, int]) -> Image:
    return F.interpolate(image, size, mode="bicubic", antialias=True).clamp(-1, 1)


def _times(one: Share | None, other: Share | None) -> Share | None:
    if one is None or other is None:
        return other if one is None else one
    return one * other


def _check_finite(total: Tensor, step: int) -> None:
    if not bool(torch.isfinite(total)):
        raise DivergedError(step, "the style loss", "Lower the learning rate or use adam.")
