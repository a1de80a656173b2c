"""A prepared set of pictures: brought to one size once, then read from a memory-mapped file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from ganvas.core.canvas import Resolution, of
from ganvas.core.config import replace
from ganvas.core.errors import ConfigError, DataError
from ganvas.data import cache, filling, prepared
from ganvas.data.cache import cache_root
from ganvas.data.config import DataConfig
from ganvas.data.prepared import Progress
from ganvas.data.scan import Scan, Skipped, scan, tally

__all__ = ["Store", "cache_root", "load_store", "open_prepared", "prepare"]


@dataclass(frozen=True, eq=False)
class Store:
    """Pictures and labels on disk, read-only; not evicted from the cache while this lives."""

    path: Path
    """Its folder; what is computed from the pictures may be kept there too."""
    images: UInt8[np.ndarray, "n h w c"]
    labels: Int64[np.ndarray, " n"]
    """All 0 without classes."""
    class_names: tuple[str, ...]
    """Empty without classes."""
    skipped: tuple[Skipped, ...]
    fingerprint: str
    """SHA-256 over the contents, names, labels and settings: equal means the same pictures."""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        return int(self.images.shape[3])

    @property
    def resolution(self) -> Resolution:
        return of(*self.images.shape[1:3])

    @property
    def num_classes(self) -> int:
        """0 without classes."""
        return len(self.class_names)

    def batch(
        self, indices: Int64[np.ndarray, " b"]
    ) -> tuple[UInt8[np.ndarray, "b h w c"], Int64[np.ndarray, " b"] | None]:
        """Copy some pictures into memory, with their labels if there are classes."""
        return self.images[indices], self.labels[indices] if self.class_names else None


def prepare(
    images: str | Path,
    config: DataConfig,
    *,
    cache_dir: Path | None = None,
    processes: int = 2,
    progress: Progress | None = None,
) -> Store:
    """Bring every usable picture to one size, or find that done already.

    Interrupted, it goes on where it stopped; two processes at once share the work of one.
    `progress` gets (done, total) and may raise to stop. Raises DataError when no picture is usable
    or the cache cannot be written.
    """
    if config.channels == 2:
        raise ConfigError("data.channels is 2, for points in a plane: pictures have 1 or 3")
    store = open_prepared(
        scan(images, classes=config.classes, only=config.only),
        config,
        cache_dir=cache_dir,
        processes=processes,
        progress=progress,
    )
    if not len(store):
        raise DataError(f"None of the pictures in {images} can be used: {tally(store.skipped)}.")
    return store


def load_store(path: Path) -> Store:
    """Open a prepared set by its folder. Raises DataError when it is not there any more."""
    store = _open(path)
    if store is None:
        raise DataError(f"There are no prepared pictures in {path}: prepare them again.")
    return store


def open_prepared(
    found: Scan,
    config: DataConfig,
    *,
    cache_dir: Path | None,
    processes: int,
    progress: Progress | None,
) -> Store:
    """Do `prepare` for a scan; the set may be empty."""
    report = progress or _ignore
    folder = prepared.folder_of(found, config, cache_dir)
    while (store := _open(folder)) is None:
        with cache.writing(folder.parent):
            folder.parent.mkdir(parents=True, exist_ok=True)
        with cache.alone(folder, waiting=lambda: report(0, len(found.entries))):
            if prepared.description(folder) is None:
                _start_from_colour(folder, found, config)
                filling.fill(folder, found, config, processes=processes, progress=report)
                assert prepared.description(folder) is not None, "filled, but not finished"
    return store


def _start_from_colour(folder: Path, found: Scan, config: DataConfig) -> None:
    """Decode nothing twice: `inspect` has left a set in colour when it finds only grey."""
    if config.channels != 1:
        return
    cache_dir = folder.parent.parent
    colour = _open(prepared.folder_of(found, replace(config, channels=3), cache_dir))
    if colour is not None:
        filling.copy_grey(folder, colour.images, facts=colour.path / prepared.PICTURES)


def _open(folder: Path) -> Store | None:
    """Open a finished set; None while there is none, or while somebody works on it."""
    values = prepared.description(folder)
    if values is None:
        return None
    shape, images = prepared.shape(values), folder / prepared.IMAGES
    try:
        store = Store(
            path=folder,
            images=np.memmap(images, np.uint8, "r", shape=shape)
            if shape[0]
            else np.empty(shape, np.uint8),
            labels=np.load(folder / prepared.LABELS),
            class_names=tuple(values["class_names"]),
            skipped=tuple(Skipped(*one) for one in values["skipped"]),
            fingerprint=values["fingerprint"],
        )
    except FileNotFoundError:
        return None
    # Until it was shared it could be evicted; the open files would have outlived that.
    if not cache.share(folder, store) or not (folder / prepared.STORE).exists():
        return None
    cache.touch(folder)
    return store


def _ignore(done: int, total: int) -> None:
    """The default of `progress`."""
