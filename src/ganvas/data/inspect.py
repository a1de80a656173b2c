"""What is in a folder of pictures: sizes, shapes, colours, classes, and what is skipped and why."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from ganvas.data.config import Classes, DataConfig
from ganvas.data.decode import Facts
from ganvas.data.filling import COPY, PICTURES, Progress, read_facts
from ganvas.data.scan import Scan, Skipped, scan
from ganvas.data.store import open_prepared

Size = tuple[int, int]

ASPECT_RATIOS = ((1, 2), (9, 16), (2, 3), (3, 4), (1, 1), (4, 3), (3, 2), (16, 9), (2, 1))
"""Common shapes, width to height; a picture is counted at the nearest."""
ELONGATED = 0.25
"""Further than this (in log) from the nearest is called wide or tall."""

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
    resolution: int
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


def inspect(
    images: str | Path,
    *,
    classes: Classes = "none",
    only: str | None = None,
    settings: Mapping[str, Any] | None = None,
    cache_dir: Path | None = None,
    processes: int = 2,
    progress: Progress | None = None,
) -> Inspection:
    """Decode every picture once and count; a second time it is known.

    The decoded pictures are kept as a prepared set: training that uses the resolution and fit
    named in `settings` (of DataConfig; by default 64 px, cropped) finds its pictures ready.
    Raises DataError when there is no picture at all; all may turn out to be unusable.
    """
    fixed = dict(settings or {})
    config = DataConfig.from_dict(fixed | {"classes": classes, "only": only, "channels": 3})
    found = scan(images, classes=classes, only=only)
    store = open_prepared(
        found, config, cache_dir=cache_dir, processes=processes, progress=progress
    )
    every = read_facts(store.path / PICTURES)
    facts = [one for one in every if one.reason is None]
    return _count(found, store.skipped, facts, config, fixed.get("resolution"))


def choose_resolution(native_px: float, *, most_px: int = USUAL_PX) -> int:
    """The power of two, from 16 to `most_px`, that the median short side fills or nearly fills.

    Nearly: 28 px, the size of MNIST, may be enlarged to 32. More than 64 px is for the user to
    ask for: it takes four times as long for every doubling.
    """
    size = SMALLEST_PX
    while 2 * size <= min(most_px, native_px * MOST_ENLARGED):
        size *= 2
    return size


def _count(
    found: Scan,
    skipped: Sequence[Skipped],
    facts: Sequence[Facts],
    config: DataConfig,
    resolution: int | None,
) -> Inspection:
    sizes = np.array([(one.width, one.height) for one in facts], np.int64).reshape(-1, 2)
    native_px = int(np.median(sizes.min(axis=1))) if facts else 0
    labels = Counter(one.label for one in facts)
    return Inspection(
        images=found.root,
        usable=len(facts),
        skipped=tuple(skipped),
        reasons=_counts(one.reason.partition(":")[0] for one in skipped),
        copies=sum(one.reason.startswith(COPY) for one in skipped),
        classes={name: labels[label] for label, name in enumerate(found.class_names)},
        modes=_counts(one.mode for one in facts),
        formats=_counts(one.format for one in facts),
        bit_depths=_counts(str(one.bit_depth) for one in facts),
        aspect_ratios=_counts(_shape(one.width, one.height) for one in facts),
        sizes=_extent(sizes) if facts else {},
        native_px=native_px,
        transparent=sum(one.transparent for one in facts),
        animated=sum(one.animated for one in facts),
        grey=bool(facts) and all(one.grey for one in facts) and _is_grey(config.background),
        resolution=resolution or choose_resolution(native_px),
    )


def _extent(sizes: Int64[np.ndarray, "n 2"]) -> dict[str, Size]:
    def pair(values: np.ndarray) -> Size:
        return int(values[0]), int(values[1])

    return {
        "min": pair(sizes.min(axis=0)),
        "median": pair(np.median(sizes, axis=0)),
        "max": pair(sizes.max(axis=0)),
    }


def _shape(width: int, height: int) -> str:
    def distance(ratio: Size) -> float:
        return abs(log(width / height) - log(ratio[0] / ratio[1]))

    nearest = min(ASPECT_RATIOS, key=distance)
    if distance(nearest) > ELONGATED:
        return "wider" if width > height else "taller"
    return f"{nearest[0]}:{nearest[1]}"


def _is_grey(colour: str) -> bool:
    red, green, blue = colour[1:3].lower(), colour[3:5].lower(), colour[5:7].lower()
    return red == green == blue


def _counts(values: Iterable[str]) -> dict[str, int]:
    """Count, the most frequent first."""
    return dict(Counter(values).most_common())
