"""One picture: from any file to upright sRGB pixels, to one size, into a grid, to a PNG."""

import contextlib
import functools
import io
import math
import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8, UInt32
from PIL import ExifTags, Image, ImageCms, ImageColor, ImageFile, UnidentifiedImageError
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile

from ganvas.core.errors import UnreadablePicture
from ganvas.core.files import Stream, atomic_path
from ganvas.core.signatures import HEAD_BYTES, is_heif, why_not

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
"""The decoders that are let near a file; HEIF joins them when pillow-heif is installed."""

_FULL = np.iinfo(np.uint8).max
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = (5, 6, 7, 8)
_PILLOW = threading.Lock()


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture, upright, in sRGB, and what its file said about it."""

    pixels: UInt8[np.ndarray, "h w 3"]
    alpha: UInt8[np.ndarray, "h w"] | None
    """Opacity, where the file has any."""
    width: int
    height: int
    """Size of the upright picture in the file; `pixels` are fewer when they were drafted."""
    format: str
    mode: str
    """Pillow's name of how the file stores a pixel."""
    bit_depth: int
    """1, 8 or 16 bits a channel in the file."""
    grey: bool
    """Red, green and blue are equal wherever the picture can be seen."""
    animated: bool
    """The file holds more than one frame or page; the first is the picture."""


def read(
    source: Path | Stream, *, max_megapixels: float = 100, at_least_px: int | None = None
) -> Picture:
    """Decode the first frame of a picture file; a stream must be seekable.

    With `at_least_px` a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, ten times faster,
    as long as its short side keeps so many pixels. Raises UnreadablePicture with the reason.
    """
    head = b""
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                return read(file, max_megapixels=max_megapixels, at_least_px=at_least_px)
        head = source.read(HEAD_BYTES)
        source.seek(0)
        with _quiet_pillow(max_megapixels), Image.open(source, formats=_formats()) as image:
            return _decode(image, max_megapixels, at_least_px)
    except UnreadablePicture:
        raise
    except Exception as error:  # Decoders raise nearly anything on a damaged file.
        raise UnreadablePicture(_reason(error, head, max_megapixels)) from None


def over(picture: Picture, background: str) -> UInt8[np.ndarray, "h w 3"]:
    """Lay the picture on a background colour, given as #rrggbb."""
    if picture.alpha is None:
        return picture.pixels
    height, width = picture.alpha.shape
    canvas = Image.new("RGB", (width, height), background)
    canvas.paste(Image.fromarray(picture.pixels), mask=Image.fromarray(picture.alpha))
    return np.asarray(canvas)


def fit(
    pixels: UInt8[np.ndarray, "h w 3"],
    *,
    size_px: tuple[int, int],
    how: Literal["crop", "pad", "stretch"],
    background: str,
) -> UInt8[np.ndarray, "{size_px[0]} {size_px[1]} 3"]:
    """Bring a picture to this height and width: cut its edges off, add borders, or stretch it.

    Antialiased.
    """
    high, wide = size_px
    height, width = pixels.shape[:2]
    if how == "crop":
        rows = min(height, max(1, round(width * high / wide)))
        columns = min(width, max(1, round(height * wide / high)))
        top, left = (height - rows) // 2, (width - columns) // 2
        return _resize(pixels[top : top + rows, left : left + columns], high, wide)
    if how == "stretch":
        return _resize(pixels, high, wide)
    scale = min(high / height, wide / width)
    inner = _resize(pixels, max(1, round(height * scale)), max(1, round(width * scale)))
    canvas = np.empty((high, wide, 3), np.uint8)
    canvas[:] = ImageColor.getrgb(background)[:3]
    top, left = (high - inner.shape[0]) // 2, (wide - inner.shape[1]) // 2
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas


def grid(
    pictures: UInt8[np.ndarray, "n h w c"], *, columns: int | None = None, margin_px: int = 2
) -> UInt8[np.ndarray, "H W c"]:
    """Lay pictures out row by row on white, as square as possible unless `columns` says."""
    num, height, width, channels = pictures.shape
    columns = columns or math.ceil(math.sqrt(num))
    rows = math.ceil(num / columns)
    step_y, step_x = height + margin_px, width + margin_px
    shape = (rows * step_y + margin_px, columns * step_x + margin_px, channels)
    sheet = np.full(shape, _FULL, np.uint8)
    for k, picture in enumerate(pictures):
        top, left = k // columns * step_y + margin_px, k % columns * step_x + margin_px
        sheet[top : top + height, left : left + width] = picture
    return sheet


def write_png(path: Path, pixels: UInt8[np.ndarray, "h w c"]) -> None:
    """Write a grey (one channel) or RGB picture atomically. Raises OSError."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG")


@functools.cache
def _formats() -> tuple[str, ...]:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return FORMATS
    register_heif_opener()
    return (*FORMATS, "HEIF")


@contextlib.contextmanager
def _quiet_pillow(max_megapixels: float) -> Iterator[None]:
    """Put our size limit in place of Pillow's, and keep its warnings in.

    Both are global to the process, hence the lock: threads decode one after the other, as
    processes, which is how pictures are prepared, need not.
    """
    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        usual = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max(1, int(max_megapixels * 1e6))
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def _decode(image: ImageFile.ImageFile, max_megapixels: float, at_least_px: int | None) -> Picture:
    width, height = image.size
    if width * height > max_megapixels * 1e6:
        raise UnreadablePicture(_too_large(max_megapixels))
    mode, raw_mode = image.mode, str(image.tile[0].args) if image.tile else ""
    if at_least_px is not None:
        image.draft(None, (at_least_px, at_least_px))
    image.load()
    # After loading: a PNG may have its EXIF behind the pixels; TIFF has turned itself by now.
    orientation = _orientation(image)
    if orientation in _LYING:
        width, height = height, width
    _mend_colour_key(image, raw_mode)
    colours, opacity = _split(image)
    colours = _to_srgb(colours, image.info.get("icc_profile"))
    if orientation in _TURNS:
        colours = colours.transpose(_TURNS[orientation])
        opacity = opacity and opacity.transpose(_TURNS[orientation])
    pixels, alpha = np.asarray(colours), None if opacity is None else np.asarray(opacity)
    return Picture(
        pixels=pixels,
        alpha=alpha,
        width=width,
        height=height,
        # MPO is a JPEG with a second picture behind it.
        format="JPEG" if image.format == "MPO" else image.format or "",
        mode=mode,
        bit_depth=1 if mode == "1" else 16 if re.search(r";1[26]\w?\b", raw_mode) else 8,
        grey=_is_grey_mode(mode) or _has_equal_channels(pixels, alpha),
        animated=_is_animated(image),
    )


def _orientation(image: ImageFile.ImageFile) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Damaged EXIF must not cost the picture: it is taken as it lies.
        return 1


def _is_animated(image: ImageFile.ImageFile) -> bool:
    if image.format == "MPO":  # The second picture is a phone's depth or brightness map.
        return False
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # A second frame there is, if a damaged one.
        return True


def _mend_colour_key(image: ImageFile.ImageFile, raw_mode: str) -> None:
    """A PNG can name one colour as transparent; Pillow brings pixels to 8 bits, but not that."""
    key = image.info.get("transparency")
    if raw_mode in ("L;2", "L;4") and isinstance(key, int):
        image.info["transparency"] = key * {"L;2": 85, "L;4": 17}[raw_mode]
    elif raw_mode == "RGB;16B" and isinstance(key, tuple):
        image.info["transparency"] = tuple(level >> 8 for level in key)


def _split(image: ImageFile.ImageFile) -> tuple[Image.Image, Image.Image | None]:
    """Part colours (L, RGB or CMYK, 8 bits) from opacity (L; None when nothing shows through)."""
    if image.mode in ("I", "F"):
        raise UnreadablePicture("32-bit numbers, whose white is unknown: save it with 8 or 16 bits")
    if image.mode.startswith("I;16"):
        levels = _sixteen_bits(image)
        key = image.info.get("transparency")
        opacity = None if key is None else Image.fromarray((levels != key) * np.uint8(_FULL))
        # Rounded division by the ratio of the two whites; Pillow's own conversion clips.
        return Image.fromarray(((levels + 128) // 257).astype(np.uint8)), opacity
    if image.has_transparency_data:
        both = image.convert("LA" if _is_grey_mode(image.mode) else "RGBA")
        alpha = both.getchannel("A")
        opacity = None if alpha.getextrema() == (_FULL, _FULL) else alpha
        return both.convert("L" if both.mode == "LA" else "RGB"), opacity
    if image.mode == "1":
        return image.convert("L"), None
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB"), None


def _sixteen_bits(image: ImageFile.ImageFile) -> UInt32[np.ndarray, "h w"]:
    levels: np.ndarray = np.asarray(image).astype(np.uint32)
    if isinstance(image, TiffImageFile):
        if image.tag_v2.get(BITSPERSAMPLE) == (12,):
            levels = levels << 4 | levels >> 8
        if image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0:  # Here 0 means white.
            levels = np.iinfo(np.uint16).max - levels
    return levels


def _to_srgb(colours: Image.Image, profile: bytes | None) -> Image.Image:
    """Bring colours to sRGB; a damaged or ill-fitting profile is as good as none."""
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if own.profile.xcolor_space == "RGB " and colours.mode == "L":
                colours = colours.convert("RGB")
            if not (own.profile.profile_description or "").startswith("sRGB"):
                srgb = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(colours, own, srgb, outputMode="RGB")
                return converted or colours.convert("RGB")
    return colours.convert("RGB")


def _is_grey_mode(mode: str) -> bool:
    return mode in ("1", "L", "LA", "La") or mode.startswith("I;16")


def _has_equal_channels(
    pixels: UInt8[np.ndarray, "h w 3"], alpha: UInt8[np.ndarray, "h w"] | None
) -> bool:
    seen = pixels if alpha is None else pixels[alpha > 0]
    red, green, blue = seen[..., 0], seen[..., 1], seen[..., 2]
    return np.array_equal(red, green) and np.array_equal(green, blue)


def _resize(
    pixels: UInt8[np.ndarray, "h w 3"], height: int, width: int
) -> UInt8[np.ndarray, "{height} {width} 3"]:
    # Averaging whole blocks first (reducing_gap) is many times faster; at 3 it cannot be seen.
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0))


def _too_large(max_megapixels: float) -> str:
    return f"too large: more than {max_megapixels:g} megapixels (data.max_megapixels)"


def _reason(error: Exception, head: bytes, max_megapixels: float) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return _too_large(max_megapixels)
    if isinstance(error, UnidentifiedImageError) and is_heif(head) and "HEIF" not in _formats():
        return "a HEIC picture, which needs one more library: pip install 'ganvas[heif]'"
    if isinstance(error, UnidentifiedImageError):
        return why_not(head)
    if isinstance(error, MemoryError):
        return "needs more memory than there is"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be opened: {error.strerror}"
    text = (str(error).splitlines() or [""])[0][:120] or type(error).__name__
    return "cut off: the file ends too early" if "truncated" in text.lower() else f"damaged: {text}"
