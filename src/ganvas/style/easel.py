"""One scale's pictures: photo, paintings and regions at one size, where to start, how to finish."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from ganvas.core import pixels
from ganvas.core.rng import rng
from ganvas.style import colors
from ganvas.style.config import StyleConfig
from ganvas.style.inputs import Job, Pixels, colors_at, fitted, levels_at, load, share_at, share_of
from ganvas.style.objective import Painting, Region, Scene, Share

Image = Float[Tensor, "1 _c _h _w"]


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


def set_up(job: Job, config: StyleConfig, size: tuple[int, int], device: torch.device) -> Easel:
    """Bring everything to one size and make the first picture."""

    def opacity_at(picture: Pixels, at: tuple[int, int]) -> Share | None:
        return None if picture.alpha is None else share_at(picture.alpha, at).to(device)

    photo = colors_at(job.content, size).to(device)
    opacity = opacity_at(job.content, size)
    paintings = []
    for style in job.styles:
        style_size = painting_size(style, size, config)
        there = opacity_at(style, style_size)
        painting = colors_at(style, style_size).to(device)
        paintings.append(Painting(_recolored(painting, there, photo, opacity, config), there))
    content = colors.luminance(photo) if config.keep_colors == "luminance" else photo
    paint, regions = _regions(job, config, size, opacity, device)
    scene = Scene(content, paint, regions, tuple(paintings))
    alpha = job.content.alpha
    levels = None if alpha is None else levels_at(alpha, size)
    return Easel(photo, levels, scene, _start(scene, config, size, opacity))


def painting_size(style: Pixels, size: tuple[int, int], config: StyleConfig) -> tuple[int, int]:
    """Height and width at which a painting is looked at beside a photo of this size."""
    return fitted(style.size, min(max(style.size), max(size) * config.style_scale))


def _recolored(
    painting: Image,
    there: Share | None,
    photo: Image,
    opacity: Share | None,
    config: StyleConfig,
) -> Image:
    match config.keep_colors:
        case "none":
            return painting
        case "match":
            return colors.match_colors(painting, photo, shares=there, palette_shares=opacity)
        case "luminance":
            light, photo_light = colors.luminance(painting), colors.luminance(photo)
            return colors.match_luminance(light, photo_light, shares=there, palette_shares=opacity)


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


def _start(
    scene: Scene, config: StyleConfig, size: tuple[int, int], opacity: Share | None
) -> Image:
    painting, content = scene.paintings[0].image, scene.content
    if config.strength == 0:
        return content
    match config.init:
        case "content":
            if config.keep_colors != "none" or len(scene.regions) > 1:
                return content
            shares = scene.regions[0].shares
            matched = [
                colors.match_colors(content, one.image, shares=opacity, palette_shares=one.alpha)
                for one in scene.paintings
            ]
            mixed = torch.stack(
                [share * one for share, one in zip(shares, matched, strict=True)]
            ).sum(0)
            return torch.lerp(content, mixed, config.strength)
        case "noise":
            generator = rng(config.seed, "style noise")
            noise = torch.randn((1, content.shape[1], *size), generator=generator)
            mean, spread = colors.level_and_spread(painting, scene.paintings[0].alpha)
            return (noise.to(content.device).clamp(-2, 2) * spread + mean).clamp(-1, 1)
        case "style":
            return resized(painting, size)
        case path:
            start = colors_at(load(path, "picture to start from"), size).to(content.device)
            return colors.luminance(start) if content.shape[1] == 1 else start


def next_start(image: Image, scene: Scene, below: Image, config: StyleConfig) -> Image:
    """Enlarge the last scale's picture; below full strength, add the photo's own fine detail."""
    size = scene.content.shape[2], scene.content.shape[3]
    larger = resized(image, size)
    if config.strength == 1:
        return larger
    return larger + (1 - config.strength) * (scene.content - resized(below, size))


def resized(image: Image, size: tuple[int, int]) -> Image:
    """Enlarge or reduce a float image, antialiased."""
    return F.interpolate(image, size, mode="bicubic", antialias=True).clamp(-1, 1)


def _times(one: Share | None, other: Share | None) -> Share | None:
    if one is None or other is None:
        return other if one is None else one
    return one * other
