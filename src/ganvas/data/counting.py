"""Counting what is in a source of pictures, and remembering it beside the prepared set."""

import contextlib
from array import array
from collections import Counter
from collections.abc import Sequence
from math import log
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from ganvas.core.files import write_json
from ganvas.data import alike
from ganvas.data.config import DataConfig
from ganvas.data.decode import Facts
from ganvas.data.filling import COPY, read_facts
from ganvas.data.inspection import Inspection, Size, choose_resolution, is_grey
from ganvas.data.prepared import INSPECTION, PICTURES, Progress
from ganvas.data.scan import Scan
from ganvas.data.store import open_prepared

Sizes = Int64[np.ndarray, "n 2"]

ASPECT_RATIOS = ((1, 2), (9, 16), (2, 3), (3, 4), (1, 1), (4, 3), (3, 2), (16, 9), (2, 1))
"""Common shapes, width to height; a picture is counted at the nearest."""
ELONGATED = 0.25
"""Further than this (in log) from the nearest is called wide or tall."""


def count(
    found: Scan,
    config: DataConfig,
    *,
    cache_dir: Path | None,
    processes: int,
    progress: Progress | None,
) -> Inspection:
    """Decode every picture that was not decoded before, count, and keep the counts."""
    store = open_prepared(
        found, config, cache_dir=cache_dir, processes=processes, progress=progress
    )
    counts, used = _Counts(), array("q")
    for index, one in enumerate(read_facts(store.path / PICTURES)):
        if one.reason is None:
            counts.add(one)
            used.append(index)
    sizes = np.array(counts.sizes, np.int64).reshape(-1, 2)
    native_px = int(np.median(sizes.min(axis=1))) if len(sizes) else 0
    inspection = Inspection(
        images=found.root,
        usable=len(sizes),
        skipped=store.skipped,
        reasons=_most_first(Counter(one.reason.partition(":")[0] for one in store.skipped)),
        copies=sum(one.reason.startswith(COPY) for one in store.skipped),
        alike=_alike(found, store.images, used, sizes),
        classes={name: counts.labels[label] for label, name in enumerate(found.class_names)},
        modes=_most_first(counts.modes),
        formats=_most_first(counts.formats),
        bit_depths=_most_first(counts.bit_depths),
        aspect_ratios=_most_first(counts.shapes),
        sizes=_extent(sizes) if len(sizes) else {},
        native_px=native_px,
        transparent=counts.flags["transparent"],
        animated=counts.flags["animated"],
        grey=0 < counts.flags["grey"] == len(sizes) and is_grey(config.background),
        resolution=choose_resolution(native_px),
    )
    _keep(inspection, store.path)
    return inspection


def _alike(
    found: Scan, images: UInt8[np.ndarray, "n h w c"], used: Sequence[int], sizes: Sizes
) -> tuple[tuple[str, ...], ...]:
    """Name the pictures that look alike; of equally many pixels, the largest file is the first."""
    num_bytes = np.array([found.entries[index].size_bytes for index in used], np.int64)
    largest_first = np.lexsort((-num_bytes, -sizes.prod(axis=1)))
    groups = alike.group(images, largest_first.tolist())
    return tuple(tuple(found.entries[used[row]].name for row in rows) for rows in groups)


class _Counts:
    """What is counted picture by picture; of each one only its size is kept."""

    def __init__(self) -> None:
        self.sizes = array("q")
        self.labels: Counter[int] = Counter()
        self.modes: Counter[str] = Counter()
        self.formats: Counter[str] = Counter()
        self.bit_depths: Counter[str] = Counter()
        self.shapes: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()

    def add(self, one: Facts) -> None:
        self.sizes.extend((one.width, one.height))
        self.labels[one.label] += 1
        self.modes[one.mode] += 1
        self.formats[one.format] += 1
        self.bit_depths[str(one.bit_depth)] += 1
        self.shapes[_shape(one.width, one.height)] += 1
        for flag in ("transparent", "animated", "grey"):
            self.flags[flag] += getattr(one, flag)


def _keep(inspection: Inspection, folder: Path) -> None:
    # In a cache that cannot be written it is counted anew each time.
    with contextlib.suppress(OSError):
        write_json(folder / INSPECTION, inspection.to_dict())


def _extent(sizes: Sizes) -> dict[str, Size]:
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


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(counts.most_common())
