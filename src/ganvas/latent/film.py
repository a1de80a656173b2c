"""Films: WebP and GIF by Pillow alone, MP4 where PyAV is installed."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from importlib import import_module
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from ganvas.core.errors import ConfigError, MissingExtraError
from ganvas.core.files import atomic_path
from ganvas.core.pixels import to_arrays
from ganvas.runs.folder import writing

FORMATS = {".webp": "WEBP", ".gif": "GIF", ".mp4": "MP4"}
SHOWN_PX = 256
"""Smaller pictures are enlarged to at least this, for the eye."""


def check_film(out: Path) -> None:
    """Raise ConfigError when the name does not say which kind of film, and MissingExtraError."""
    if out.suffix.lower() not in FORMATS:
        *first, last = FORMATS
        raise ConfigError(f"{out} must end in {', '.join(first)} or {last}")
    if out.suffix.lower() == ".mp4":
        _av()


def to_frames(images: Float[Tensor, "b c h w"]) -> list[Image.Image]:
    """Turn images into pictures for a film; small ones grow by a whole factor, pixels stay."""
    factor = max(1, -(-SHOWN_PX // min(images.shape[2:])))
    frames = []
    for pixels in to_arrays(images):
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        size = (factor * picture.width, factor * picture.height)
        frames.append(picture.convert("RGB").resize(size, Image.Resampling.NEAREST))
    return frames


def write_film(out: Path, frames: Iterable[Image.Image], durations: Sequence[int]) -> None:
    """Write pictures of one size as a film, atomically; durations are in ms, one a picture.

    WebP and GIF begin again at their end; an MP4 takes one picture at a time into memory.
    """
    kind = FORMATS[out.suffix.lower()]
    with writing(out), atomic_path(out) as temporary:
        if kind == "MP4":
            _write_mp4(temporary, frames, durations)
            return
        options: dict[str, Any] = {"quality": 85, "method": 3}
        first, *rest = frames
        first.save(
            temporary,
            format=kind,
            save_all=True,
            append_images=rest,
            duration=list(durations),
            loop=0,
            **(options if kind == "WEBP" else {"optimize": True}),
        )


def _write_mp4(out: Path, frames: Iterable[Image.Image], durations: Sequence[int]) -> None:
    av = _av()
    shortest = min(durations)
    pictures = (_even(np.asarray(frame.convert("RGB"))) for frame in frames)
    first = next(pictures)
    with av.open(str(out), "w", format="mp4") as container:
        stream = container.add_stream("h264", rate=Fraction(1000, shortest))
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        for pixels, duration in zip(chain([first], pictures), durations, strict=True):
            for _ in range(round(duration / shortest)):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def _even(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Repeat the last line of an odd side: the film stores colours for 2x2 pixels."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _av() -> ModuleType:
    try:
        return import_module("av")
    except ImportError:
        raise MissingExtraError("PyAV", "video", "an .mp4 film") from None
