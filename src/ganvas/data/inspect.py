"""What is in a folder of pictures: sizes, shapes, colours, classes, and what is skipped and why."""

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganvas.data import cache, prepared
from ganvas.data.builtin import COLLECTIONS, Builtin
from ganvas.data.config import Classes, DataConfig
from ganvas.data.inspection import Inspection, choose_resolution, is_grey
from ganvas.data.prepared import Progress
from ganvas.data.scan import Scan, scan


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
    """Decode every picture once and count; a second time it is known, and of digits always.

    The decoded pictures are kept as a prepared set: training that uses the resolution and fit
    named in `settings` (of DataConfig; by default 64 px, cropped) finds its pictures ready.
    Raises DataError when there is no picture at all; all may turn out to be unusable.
    """
    fixed = dict(settings or {})
    config = DataConfig.from_dict(fixed | {"classes": classes, "only": only, "channels": 3})
    found = scan(images, classes=classes, only=only)
    known = _of_builtin(found, config) or _known(prepared.folder_of(found, config, cache_dir))
    if known is None:
        # Only where pictures must be looked at: numpy and Pillow take a while to load.
        from ganvas.data.counting import count

        known = count(found, config, cache_dir=cache_dir, processes=processes, progress=progress)
    chosen = config.resolution if "resolution" in fixed else choose_resolution(known.native_px)
    return dataclasses.replace(known, resolution=chosen)


def _of_builtin(found: Scan, config: DataConfig) -> Inspection | None:
    """Know what is in a built-in set of grey tiles: they are all alike."""
    source = found.entries.source
    collection = COLLECTIONS[source.collection] if isinstance(source, Builtin) else None
    if collection is None or collection.mode != "L" or collection.has_copies:
        return None
    num, side = len(found.entries), collection.tile_px
    if side < config.min_size_px or side**2 > config.max_megapixels * 1e6:
        return None
    labels = Counter(entry.label for entry in found.entries) if found.class_names else {}
    return Inspection(
        images=found.root,
        usable=num,
        skipped=(),
        reasons={},
        copies=0,
        alike=(),
        classes={name: labels[label] for label, name in enumerate(found.class_names)},
        modes={collection.mode: num},
        formats={"PNG": num},
        bit_depths={"8": num},
        aspect_ratios={"1:1": num},
        sizes=dict.fromkeys(("min", "median", "max"), (side, side)),
        native_px=side,
        transparent=0,
        animated=0,
        grey=is_grey(config.background),
        resolution=choose_resolution(side),
    )


def _known(folder: Path) -> Inspection | None:
    """Read what was counted before in a set that is still there."""
    if prepared.description(folder) is None:
        return None
    try:
        values = json.loads((folder / prepared.INSPECTION).read_text(encoding="utf-8"))
        found = Inspection.from_dict(values)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    cache.touch(folder)
    return found
