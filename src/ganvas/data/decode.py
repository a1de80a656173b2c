"""One file to one training picture, with the facts about it; nothing here fails on bad pictures."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from ganvas.core import images
from ganvas.core.canvas import Resolution, sides
from ganvas.core.errors import UnreadablePicture
from ganvas.core.images import Picture
from ganvas.data.entries import Entry

_DRAFT = 2
"""A JPEG may be decoded small, but not below this many times its size here, or it shows."""
_LUMA = np.array([19595, 38470, 7471], np.uint32)
"""ITU-R 601 in 1/65536, as Pillow's "L" has it; the sum is exact, so grey stays what it is."""


@dataclass(frozen=True)
class Target:
    """The fields of DataConfig that decide about one picture; see there.

    Apart from it, because a worker process would spend most of its start on importing pydantic.
    """

    resolution: Resolution
    channels: int
    fit: Literal["crop", "pad", "stretch"]
    background: str
    min_size_px: int
    max_megapixels: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a row."""
        return *sides(self.resolution), self.channels


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one file after it was decoded, or why it could not be used."""

    name: str
    label: int
    reason: str | None = None
    """Why the picture is skipped; None when it is used."""
    sha256: str = ""
    width: int = 0
    height: int = 0
    format: str = ""
    mode: str = ""
    bit_depth: int = 0
    grey: bool = False
    transparent: bool = False
    animated: bool = False


def decode(
    entries: Sequence[Entry], target: Target
) -> tuple[list[Facts], UInt8[np.ndarray, "usable h w c"]]:
    """Decode several files; the rows are those of the pictures without a reason, in order."""
    facts, rows = [], []
    for entry in entries:
        fact, row = _decode_one(entry, target)
        facts.append(fact)
        rows.extend([] if row is None else [row])
    return facts, np.array(rows, np.uint8).reshape(-1, *target.shape)


def to_channels(pixels: UInt8[np.ndarray, "*n 3"], channels: int) -> UInt8[np.ndarray, "*n c"]:
    """Turn RGB into brightness when one channel is wanted."""
    if channels == 3:
        return pixels
    half = 1 << 15
    return ((pixels @ _LUMA + half) >> 16).astype(np.uint8)[..., None]


def _decode_one(entry: Entry, target: Target) -> tuple[Facts, UInt8[np.ndarray, "h w c"] | None]:
    try:
        with entry.open() as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            picture = images.read(
                file,
                max_megapixels=target.max_megapixels,
                at_least_px=_DRAFT * max(sides(target.resolution)),
            )
        _check_size(picture, target.min_size_px)
    except UnreadablePicture as error:
        return Facts(entry.name, entry.label, str(error)), None
    except OSError as error:
        return Facts(entry.name, entry.label, f"cannot be read: {error.strerror or error}"), None
    fitted = images.fit(
        images.over(picture, target.background),
        size_px=sides(target.resolution),
        how=target.fit,
        background=target.background,
    )
    return _facts(entry, sha256, picture), to_channels(fitted, target.channels)


def _check_size(picture: Picture, min_size_px: int) -> None:
    if min(picture.width, picture.height) < min_size_px:
        raise UnreadablePicture(
            f"too small: a side is shorter than {min_size_px} pixels (data.min_size_px)"
        )


def _facts(entry: Entry, sha256: str, picture: Picture) -> Facts:
    return Facts(
        name=entry.name,
        label=entry.label,
        sha256=sha256,
        width=picture.width,
        height=picture.height,
        format=picture.format,
        mode=picture.mode,
        bit_depth=picture.bit_depth,
        grey=picture.grey,
        transparent=picture.alpha is not None,
        animated=picture.animated,
    )
