"""A prepared set on disk: its files, its key, and whether it is finished. Light: no numpy here.

images.raw       the pictures, uint8 [n h w c] and nothing else
pictures.jsonl   a line of facts for every chunk of files, written after their pictures: what is
                 not in it does not count, so a killed preparation goes on behind its last line
labels.npy       int64 [n]
store.json       written last: with it the set is finished
inspection.json  what `inspect` has counted, where it was asked
"""

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganvas.core.canvas import sides
from ganvas.data.cache import cache_root
from ganvas.data.config import DataConfig
from ganvas.data.scan import Scan

FORMAT = 1
IMAGES = "images.raw"
PICTURES = "pictures.jsonl"
LABELS = "labels.npy"
STORE = "store.json"
INSPECTION = "inspection.json"

Progress = Callable[[int, int], None]
"""Told how many pictures of how many are done."""


def folder_of(found: Scan, config: DataConfig, cache_dir: Path | None) -> Path:
    """Say where the set of these pictures is, or will be."""
    return (cache_dir or cache_root()) / "pictures" / _key(found, config)


def description(folder: Path) -> dict[str, Any] | None:
    """Read store.json if the set is finished, whole and of this version's format."""
    try:
        values: dict[str, Any] = json.loads((folder / STORE).read_text(encoding="utf-8"))
        is_whole = (folder / IMAGES).stat().st_size == math.prod(shape(values))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return values if is_whole and values["format"] == FORMAT else None


def shape(values: dict[str, Any]) -> tuple[int, int, int, int]:
    """Return [n h w c] of the pictures that store.json describes."""
    return values["num"], *sides(values["resolution"]), values["channels"]


def what_matters(config: DataConfig) -> dict[str, Any]:
    """The settings that change what is prepared; mirroring happens when a batch is made."""
    return config.to_dict() | {"mirror": None}


def _key(found: Scan, config: DataConfig) -> str:
    """Name the folder after all that decides what will be in it, without opening a picture."""
    digest = hashlib.sha256()
    for part in (FORMAT, found.root, found.class_names, what_matters(config)):
        digest.update(json.dumps(part).encode())
    digest.update(found.entries.rows)
    digest.update(found.entries.ends)
    for skipped in found.skipped:
        digest.update(json.dumps([skipped.name, skipped.reason]).encode())
    return digest.hexdigest()[:24]
