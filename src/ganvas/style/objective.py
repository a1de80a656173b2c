"""What is minimised at one scale: targets, losses and their gradient, whole or tile by tile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ganvas.core.device import Numerics
from ganvas.features.vgg import LAYERS, VGG19
from ganvas.style.config import StyleConfig
from ganvas.style.losses import (
    VARIATIONS,
    Gaussian,
    Tangent,
    bures_tangent,
    content_loss,
    covariance,
    gaussian,
    gram_loss,
    wasserstein_loss,
)
from ganvas.style.moments import Moments, mix, moments
from ganvas.style.tiles import Tile, cut

Image = Float[Tensor, "1 _c _h _w"]
Share = Float[Tensor, "1 1 _h _w"]
Key = tuple[int, str]
"""A region and a layer."""


@dataclass(frozen=True, eq=False)
class Painting:
    """A painting at one scale; where it is transparent it has no style."""

    image: Image
    alpha: Share | None


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the photo (None: all of it) and the share each painting has in its style."""

    where: Share | None
    shares: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything one scale works with: the photo, where it may change, regions, paintings."""

    content: Image
    paint: Share | None
    regions: tuple[Region, ...]
    paintings: tuple[Painting, ...]


@dataclass(eq=False)
class Look:
    """The network at one scale: how pictures become activations and moments."""

    vgg: VGG19
    numerics: Numerics
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]

    def features(self, images: Image) -> dict[str, Tensor]:
        """Activations of all layers that some loss looks at."""
        images = self.numerics.to_device(images)
        with self.numerics.autocast():
            found: dict[str, Tensor] = self.vgg(images, (*self.style_layers, *self.content_layers))
        return found

    def moments(
        self, features: Mapping[str, Tensor], tile: Tile, regions: Mapping[Key, "Weights"]
    ) -> dict[Key, Moments]:
        """Add up a tile's own positions for every region and layer."""
        return {
            key: moments(
                tile.own(features[key[1]], stride(key[1])),
                weights.of(tile, stride(key[1])),
                count=weights.count,
            )
            for key, weights in regions.items()
        }

    def whole(
        self, image: Image, tiles: Sequence[Tile], regions: Mapping[Key, "Weights"]
    ) -> dict[Key, Moments]:
        """Moments of a whole picture without gradients, in the memory of one tile."""
        total: dict[Key, Moments] = {}
        with torch.no_grad():
            for tile in tiles:
                for key, part in self.moments(
                    self.features(tile.crop(image)), tile, regions
                ).items():
                    total[key] = total[key].plus(part) if key in total else part
        return total


@dataclass(frozen=True, eq=False)
class Weights:
    """How much each position of a layer counts; None: all alike."""

    at: Float[Tensor, "h w"] | None
    count: float

    def of(self, tile: Tile, stride: int) -> Float[Tensor, "_h _w"] | None:
        """Cut out a tile's own positions."""
        if self.at is None:
            return None
        top, bottom, left, right = tile.span(stride)
        return self.at[top:bottom, left:right]


def stride(layer: str) -> int:
    """Pixels from one position of a layer to the next."""
    return int(2 ** (int(layer[4]) - 1))


def weigh(where: Share | None, size: tuple[int, int], layers: Sequence[str]) -> list[Weights]:
    """Bring a region to the sizes of layers; its edges stay soft."""
    found = []
    for layer in layers:
        height, width = (edge // stride(layer) for edge in size)
        if where is None:
            found.append(Weights(None, height * width))
        else:
            at = F.adaptive_avg_pool2d(where, (height, width))[0, 0]
            found.append(Weights(at, max(float(at.sum()), 1e-6)))
    return found


@dataclass(eq=False)
class Objective:
    """The losses of one scale. Call it with a picture: it returns the loss and the gradient."""

    config: StyleConfig
    look: Look
    scene: Scene
    tile_px: int | None = None
    losses: dict[str, Tensor] = field(default_factory=dict)
    """The weighted parts of the last call's loss, detached."""

    def __post_init__(self) -> None:
        size = self.scene.content.shape[2], self.scene.content.shape[3]
        layers = self.look.style_layers
        self._weights = {
            (index, layer): weights
            for index, region in enumerate(self.scene.regions)
            for layer, weights in zip(layers, weigh(region.where, size, layers), strict=True)
        }
        first = [self._weights[index, layers[0]].count for index in range(len(self.scene.regions))]
        self._areas = [count / sum(first) for count in first]
        self._tiles = cut(*size, self.tile_px)
        self._content = self._content_targets()
        self._targets = self._style_targets()
        self._tangents: dict[Key, Tangent] = {}
        self._calls = 0

    def __call__(self, image: Image) -> tuple[Tensor, Tensor]:
        """Return loss and gradient; where the photo must stay, the gradient is zero."""
        scene = self.scene
        shown = image if scene.paint is None else torch.lerp(scene.content, image, scene.paint)
        shown = shown.detach().requires_grad_()
        self.losses = self._variation(shown)
        self.losses |= self._whole(shown) if len(self._tiles) == 1 else self._tiled(shown)
        self._calls += 1
        assert shown.grad is not None
        gradient = shown.grad if scene.paint is None else shown.grad * scene.paint
        total = self.losses["content"] + self.losses["style"] + self.losses["variation"]
        return total, gradient

    def _whole(self, shown: Image) -> dict[str, Tensor]:
        (tile,) = self._tiles
        features = self.look.features(shown)
        losses = self._style(self.look.moments(features, tile, self._weights))
        losses["content"] = self._content_part(features, tile)
        (losses["style"] + losses["content"]).backward()  # type: ignore[no-untyped-call]
        return {name: loss.detach() for name, loss in losses.items()}

    def _tiled(self, shown: Image) -> dict[str, Tensor]:
        """Two passes: the statistics of all tiles, then each tile against their gradient.

        The style loss depends on the picture only through sums over positions, so
        dL/dx = sum over tiles of dL/d(sums) * d(the tile's sums)/dx, exactly.
        """
        total = self.look.whole(shown.detach(), self._tiles, self._weights)
        leaves = [
            part.requires_grad_() for one in total.values() for part in (one.mean, one.second)
        ]
        losses = self._style(total)
        slopes = iter(torch.autograd.grad(losses["style"], leaves, materialize_grads=True))
        slope = {key: Moments(next(slopes), next(slopes)) for key in total}
        losses["content"] = torch.zeros((), device=shown.device)
        for tile in self._tiles:
            features = self.look.features(tile.crop(shown))
            content = self._content_part(features, tile)
            linear = [
                (slope[key].mean * part.mean).sum() + (slope[key].second * part.second).sum()
                for key, part in self.look.moments(features, tile, self._weights).items()
            ]
            (torch.stack(linear).sum() + content).backward()  # type: ignore[no-untyped-call]
            losses["content"] += content.detach()
        return {name: loss.detach() for name, loss in losses.items()}

    def _style(self, found: Mapping[Key, Moments]) -> dict[str, Tensor]:
        fresh = self._calls % self.config.tangent_steps == 0
        weights = dict(zip(self.config.style_layers, self.config.layer_weights, strict=True))
        losses: dict[str, list[Tensor]] = {f"style/{layer}": [] for layer in self.look.style_layers}
        for (region, layer), part in found.items():
            target, factor = self._targets[region, layer], self._areas[region] * weights[layer]
            if isinstance(target, Gaussian):
                if fresh or (region, layer) not in self._tangents:
                    spread = covariance(part.mean, part.second)
                    self._tangents[region, layer] = bures_tangent(spread, target)
                tangent = self._tangents[region, layer]
                loss = wasserstein_loss(part.mean, part.second, target, tangent)
            else:
                loss = gram_loss(part.second, target)
            losses[f"style/{layer}"].append(self.config.style_weight * factor * loss)
        sums = {name: torch.stack(parts).sum() for name, parts in losses.items()}
        return {"style": torch.stack(list(sums.values())).sum(), **sums}

    def _content_part(self, features: Mapping[str, Tensor], tile: Tile) -> Tensor:
        parts = []
        for layer in self.look.content_layers:
            own, target = tile.own(features[layer], stride(layer)), self._content[layer]
            top, bottom, left, right = tile.span(stride(layer))
            loss = content_loss(
                own, target[..., top:bottom, left:right], form=self.config.content_form
            )
            share = 1.0 if self.config.content_form == "sum" else own.numel() / target.numel()
            parts.append(loss * share)
        return self.config.content_weight * torch.stack(parts).sum()

    def _variation(self, shown: Image) -> dict[str, Tensor]:
        # As much of it as there is of the painting: strength 0 must leave the photo's own grain.
        weight = self.config.tv_weight * self.config.strength
        loss = weight * VARIATIONS[self.config.variation](shown)
        loss.backward()  # type: ignore[no-untyped-call]
        return {"variation": loss.detach()}

    def _content_targets(self) -> dict[str, Tensor]:
        """Activations of the photo, put together from tiles."""
        parts: dict[str, Tensor] = {}
        size = self.scene.content.shape[2:]
        with torch.no_grad():
            for tile in self._tiles:
                features = self.look.features(tile.crop(self.scene.content))
                for layer in self.look.content_layers:
                    own = tile.own(features[layer], stride(layer))
                    if layer not in parts:
                        shape = [edge // stride(layer) for edge in size]
                        parts[layer] = own.new_empty((1, own.shape[1], *shape))
                    top, bottom, left, right = tile.span(stride(layer))
                    parts[layer][..., top:bottom, left:right] = own
        return parts

    def _style_targets(self) -> dict[Key, Gaussian | Tensor]:
        """Mix the paintings' moments, and the photo's own where strength is below 1."""
        layers, strength = self.look.style_layers, self.config.strength
        paintings = [self._painting_moments(painting) for painting in self.scene.paintings]
        own: dict[Key, Moments] = {}
        if strength < 1:
            own = self.look.whole(self.scene.content, self._tiles, self._weights)
        targets: dict[Key, Gaussian | Tensor] = {}
        for index, region in enumerate(self.scene.regions):
            for layer in layers:
                parts = [
                    (strength * share, painting[0, layer])
                    for share, painting in zip(region.shares, paintings, strict=True)
                ]
                if strength < 1:
                    parts.append((1 - strength, own[index, layer]))
                mixed = mix(parts)
                targets[index, layer] = (
                    gaussian(mixed.mean, mixed.second, strength=strength)
                    if self.config.loss == "w2"
                    else mixed.second
                )
        return targets

    def _painting_moments(self, painting: Painting) -> dict[Key, Moments]:
        size = painting.image.shape[2], painting.image.shape[3]
        layers = self.look.style_layers
        weights = weigh(painting.alpha, size, layers)
        regions = {(0, layer): one for layer, one in zip(layers, weights, strict=True)}
        return self.look.whole(painting.image, cut(*size, self.tile_px), regions)


def layers_at(config: StyleConfig, long_px: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Content and style layers of a scale: fine ones leave the deepest and dearest out."""
    if not config.shallow_px or long_px < config.shallow_px:
        return config.content_layers, config.style_layers
    last = LAYERS.index(config.shallow_layer)
    content = tuple(one for one in config.content_layers if LAYERS.index(one) <= last)
    style = tuple(one for one in config.style_layers if LAYERS.index(one) <= last)
    return content or (config.shallow_layer,), style or config.style_layers
