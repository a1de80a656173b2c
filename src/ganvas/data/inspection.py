"""What is known of a source of pictures, as plain values that are kept on disk."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganvas.core.canvas import Resolution
from ganvas.data.entries import Skipped

Size = tuple[int, int]

SMALLEST_PX = 16
USUAL_PX = 64
MOST_ENLARGED = 8 / 7


@dataclass(frozen=True)
class Inspection:
    """Everything known about a source of pictures, counted over the usable ones."""

    images: str
    """Absolute path of the folder or zip, or `builtin:NAME`."""
    usable: int
    skipped: tuple[Skipped, ...]
    reasons: Mapping[str, int]
    """Skipped pictures by kind of reason, the most frequent first."""
    copies: int
    """How many of those are exact copies of a picture that is used."""
    alike: tuple[tuple[str, ...], ...]
    """Usable pictures that hardly differ, in groups that begin with the largest; see `data.alike`.

    Of built-in digits none is named.
    """
    classes: Mapping[str, int]
    """Empty without classes."""
    modes: Mapping[str, int]
    formats: Mapping[str, int]
    bit_depths: Mapping[str, int]
    aspect_ratios: Mapping[str, int]
    sizes: Mapping[str, Size]
    """min, median and max of the widths and, apart, of the heights."""
    native_px: int
    """Median of the shorter sides."""
    transparent: int
    animated: int
    grey: bool
    """No picture has any colour."""
    resolution: Resolution
    """The one asked for, or the one chosen by `choose_resolution`."""

    @property
    def channels(self) -> int:
        return 1 if self.grey else 3

    @property
    def num_classes(self) -> int:
        """0 without classes."""
        return len(self.classes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "images": self.images,
            "usable": self.usable,
            "skipped": [{"name": one.name, "reason": one.reason} for one in self.skipped],
            "reasons": dict(self.reasons),
            "copies": self.copies,
            "alike": [list(group) for group in self.alike],
            "channels": self.channels,
            "grey": self.grey,
            "classes": dict(self.classes),
            "modes": dict(self.modes),
            "formats": dict(self.formats),
            "bit_depths": dict(self.bit_depths),
            "sizes": {name: list(size) for name, size in self.sizes.items()},
            "aspect_ratios": dict(self.aspect_ratios),
            "transparent": self.transparent,
            "animated": self.animated,
            "native_px": self.native_px,
            "resolution": self.resolution,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Inspection":
        """Return what `to_dict` was made from. Raises KeyError or TypeError for other values."""
        known = {field.name: values[field.name] for field in dataclasses.fields(cls)}
        known["skipped"] = tuple(Skipped(**one) for one in values["skipped"])
        known["alike"] = tuple(map(tuple, values["alike"]))
        known["sizes"] = {name: tuple(size) for name, size in values["sizes"].items()}
        return cls(**known)


def choose_resolution(native_px: float, *, most_px: int = USUAL_PX) -> int:
    """The power of two, from 16 to `most_px`, that the median short side fills or nearly fills.

    Nearly: 28 px, the size of MNIST, may be enlarged to 32. More than 64 px is for the user to
    ask for: it takes four times as long for every doubling.
    """
    size = SMALLEST_PX
    while 2 * size <= min(most_px, native_px * MOST_ENLARGED):
        size *= 2
    return size


def is_grey(colour: str) -> bool:
    """Whether #rrggbb has no colour."""
    red, green, blue = colour[1:3].lower(), colour[3:5].lower(), colour[5:7].lower()
    return red == green == blue
