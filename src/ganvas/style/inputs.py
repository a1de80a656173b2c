"""From what a user gives (paths, PIL pictures, arrays) to pixels, masks and regions."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps
from torch import Tensor

from ganvas.core import images, pixels
from ganvas.core.errors import ConfigError, DataError, UnreadablePicture
from ganvas.style.config import MIN_PX

Source = str | Path | Image.Image | np.ndarray
"""A picture: a file, `builtin:NAME`, a PIL picture, or an array of uint8 or floats in [0, 1]."""

BUILTIN = Path(__file__).parent / "builtin"
"""A photo and the paintings that come with ganvas."""

PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
SAME_SHAPE = 0.02
"""A mask may have another size than the photo, but not another shape by more than this."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """A picture ready to be resized: upright sRGB, and opacity where it has any."""

    colors: UInt8[np.ndarray, "h w 3"]
    alpha: UInt8[np.ndarray, "h w"] | None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.colors.shape[0], self.colors.shape[1]


@dataclass(frozen=True, eq=False)
class Job:
    """All pictures of one repainting, at their own sizes."""

    content: Pixels
    styles: tuple[Pixels, ...]
    masks: tuple[Pixels, ...]
    protect: Pixels | None


def gather(
    content: Source,
    styles: Source | Sequence[Source],
    masks: Source | Sequence[Source],
    protect: Source | None,
) -> Job:
    """Load everything and check that it fits together. Raises DataError or ConfigError."""
    paintings = tuple(load(one, "painting") for one in _several(styles))
    if not paintings:
        raise ConfigError("give at least one painting")
    regions = tuple(load(one, "mask") for one in _several(masks))
    if regions and len(regions) not in (len(paintings), len(paintings) - 1):
        raise ConfigError(
            f"{len(regions)} masks for {len(paintings)} paintings: give one mask each, "
            f"or one less, and the last painting takes the rest"
        )
    photo = load(content, "photo")
    kept = None if protect is None else load(protect, "protect mask")
    for mask in (*regions, *([kept] if kept else [])):
        _check_shape(mask, photo)
    return Job(photo, paintings, regions, kept)


def load(source: Source, role: str) -> Pixels:
    """Load one picture; `role` names it in errors."""
    try:
        if isinstance(source, np.ndarray):
            found = _from_array(source)
        elif isinstance(source, Image.Image):
            found = _from_pillow(source)
        else:
            picture = images.read(_file(source))
            found = Pixels(picture.pixels, picture.alpha)
    except UnreadablePicture as error:
        name = source if isinstance(source, str | Path) else f"the {role}"
        raise DataError(f"{name}: {error}") from None
    height, width = found.size
    if min(height, width) < MIN_PX and role in ("photo", "painting"):
        name = source if isinstance(source, str | Path) else f"the {role}"
        raise DataError(
            f"{name} is {width} x {height} px: a {role} needs at least {MIN_PX} px on each side"
        )
    return found


def _file(source: str | Path) -> Path:
    """Find the file of a picture that may come with ganvas."""
    name = str(source).removeprefix("builtin:")
    if name == str(source):
        return Path(source)
    choices = {path.stem: path for path in sorted(BUILTIN.glob("*.jpg"))}
    if name not in choices:
        raise ConfigError(f"there is no {source}: choose NAME from {', '.join(choices)}")
    return choices[name]


def fitted(size: tuple[int, int], long_px: float) -> tuple[int, int]:
    """Height and width with the given long side and the same shape, at least 16 px each."""
    factor = long_px / max(size)
    return max(MIN_PX, round(size[0] * factor)), max(MIN_PX, round(size[1] * factor))


def colors_at(picture: Pixels, size: tuple[int, int]) -> Float[Tensor, "1 3 h w"]:
    """Resize colours, antialiased, to a float image; invisible ones become the visible mean."""
    image = Image.fromarray(picture.colors)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    # With opacity, Pillow weighs colours by it.
    shown = np.array(image.resize(size[::-1], Image.Resampling.LANCZOS))
    if picture.alpha is not None:
        seen = shown[..., 3] > 0
        mean = np.average(shown[..., :3], axis=(0, 1), weights=shown[..., 3]) if seen.any() else 0
        shown = np.where(seen[..., None], shown[..., :3], np.round(mean).astype(np.uint8))
    return pixels.from_arrays(shown[None]).contiguous()


def share_at(levels: UInt8[np.ndarray, "h w"], size: tuple[int, int]) -> Float[Tensor, "1 1 H W"]:
    """Resize opacity to shares in [0, 1]."""
    shown = torch.from_numpy(levels_at(levels, size))
    return pixels.from_uint8(shown[None, None]).add_(1).div_(2)


def share_of(mask: Pixels, size: tuple[int, int]) -> Float[Tensor, "1 1 H W"]:
    """Resize a mask: 1 where it is white, 0 where it is black or transparent."""
    light = np.asarray(Image.fromarray(mask.colors).convert("L"))
    return share_at(light if mask.alpha is None else np.minimum(light, mask.alpha), size)


def levels_at(levels: UInt8[np.ndarray, "h w"], size: tuple[int, int]) -> UInt8[np.ndarray, "H W"]:
    """Resize opacity, by areas."""
    return np.array(Image.fromarray(levels).resize(size[::-1], Image.Resampling.BOX))


def _several(sources: Source | Sequence[Source]) -> list[Source]:
    if isinstance(sources, str | Path | Image.Image | np.ndarray):
        return [sources]
    return list(sources)


def _check_shape(mask: Pixels, photo: Pixels) -> None:
    (mask_height, mask_width), (height, width) = mask.size, photo.size
    if abs(mask_width * height / (mask_height * width) - 1) > SAME_SHAPE:
        raise ConfigError(
            f"a mask of {mask_width} x {mask_height} px does not fit a photo of "
            f"{width} x {height} px: it may have another size, but not another shape"
        )


def _from_array(array: np.ndarray) -> Pixels:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise UnreadablePicture(
            f"an array of shape {array.shape}: give height x width, or with 1, 3 or 4 channels"
        )
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise UnreadablePicture("an array with values that are not finite (NaN or infinity)")
        if array.min() < 0 or array.max() > 1:
            raise UnreadablePicture(
                f"an array of {array.min():g} to {array.max():g}: floats must lie in [0, 1]"
            )
        floats = torch.from_numpy(array).float().permute(2, 0, 1)[None]
        array = pixels.to_arrays(floats * 2 - 1)[0]
    if array.dtype != np.uint8:
        raise UnreadablePicture(f"an array of {array.dtype}: give uint8, or floats in [0, 1]")
    alpha = array[..., 3].copy() if array.shape[2] == 4 else None
    colors = array[..., :3] if array.shape[2] > 1 else array.repeat(3, axis=2)
    return Pixels(np.ascontiguousarray(colors), alpha)


def _from_pillow(image: Image.Image) -> Pixels:
    """Take the same way as a file: it knows modes, profiles, opacity and orientation."""
    if image.mode in PNG_MODES:
        buffer, upright = io.BytesIO(), ImageOps.exif_transpose(image)
        upright.save(buffer, "PNG", compress_level=0, icc_profile=image.info.get("icc_profile"))
        picture = images.read(buffer)
        return Pixels(picture.pixels, picture.alpha)
    return _from_pillow(image.convert("RGBA" if image.has_transparency_data else "RGB"))
