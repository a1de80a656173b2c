"""Pictures that arrive through the page: into a folder of the studio's own, within limits."""

import contextlib
import functools
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Collection, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from ganvas.core import images
from ganvas.core.errors import DataError, UnreadablePicture
from ganvas.core.files import Stream
from ganvas.data.entries import PICTURE_ENDINGS, Entry, Skipped
from ganvas.data.folder import Folder
from ganvas.data.scan import scan
from ganvas.studio.places import Places, digest, slug

MAX_PICTURES = 20_000
MAX_BYTES = 4 * 2**30
MAX_MEGAPIXELS = 40
"""Of a single photo or painting."""
MAX_LETTERS = 60
"""Of a file's or folder's name: no more than 255 bytes in any script."""
UPLOADS = [*PICTURE_ENDINGS, ".heic", ".heif", ".zip"]


def accept(places: Places, files: Sequence[Path]) -> tuple[str, list[Skipped]]:
    """Move uploaded pictures and the pictures of uploaded zips into a new folder.

    Returns the folder, and what was left out and why. Raises DataError when nothing is left, or
    when there is too much.
    """
    if not files:
        raise DataError("choose pictures or a zip first")
    named = [slug(file.stem) for file in files if file.suffix.lower() == ".zip"]
    folder = _new_set(places, named[0] if named else "pictures")
    budget, skipped = Budget(), list[Skipped]()
    try:
        for file in files:
            if file.suffix.lower() == ".zip":
                found = scan(str(file))
                skipped += found.skipped
                for entry in found.entries:
                    _put(entry.open, folder, entry.name, budget, skipped)
            else:
                _put(functools.partial(_open, file), folder, file.name, budget, skipped)
        if budget.pictures == 0:
            raise DataError("there is no picture among these files")
    except DataError:
        shutil.rmtree(folder)
        raise
    return str(folder), skipped


def without(places: Places, source: str, left_out: Collection[str]) -> str:
    """Return a folder that holds the pictures of `source` but these; the same for the same.

    Raises DataError when none remains, or when they have to be copied and are too many.
    """
    if not left_out:
        return source
    kept = [entry for entry in scan(source).entries if entry.name not in left_out]
    if not kept:
        raise DataError("every picture is left out: take some back")
    mark = digest(source, *(f"{one.name} {one.size_bytes} {one.mtime_ns}" for one in kept))
    name = f"{slug(Path(source.removeprefix('builtin:')).stem)}-{mark}"
    folder = places.home / "sets" / name
    if folder.is_dir():
        return str(folder)
    partial = _new_set(places, f"{name}-partial")
    try:
        budget = Budget()
        for entry in kept:
            _link(entry, partial, budget)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial)
        raise
    return str(folder)


def photo(file: str | Path | None, target: Path) -> Path:
    """Read an uploaded photo or painting safely and write it upright, as a PNG."""
    if file is None:
        raise DataError("choose a photo first")
    try:
        picture = images.read(Path(file), max_megapixels=MAX_MEGAPIXELS)
    except UnreadablePicture as error:
        raise DataError(f"{Path(file).name}: {error}") from None
    alpha = [] if picture.alpha is None else [picture.alpha[..., None]]
    images.write_png(target, np.concatenate([picture.pixels, *alpha], axis=2))
    return target


def thumbnail(entry: Entry, px: int) -> Image.Image | None:
    """Return a small copy of a picture, or None where it cannot be read."""
    with contextlib.suppress(UnreadablePicture):
        with entry.open() as file:
            picture = images.read(file, at_least_px=px)
        small = Image.fromarray(images.over(picture, "#ffffff"))
        small.thumbnail((px, px))
        return small
    return None


class Budget:
    """Counts what is written, and says when it is too much."""

    def __init__(self) -> None:
        self.pictures = 0
        self._bytes = 0

    def spend(self, num_bytes: int) -> None:
        """Take one picture of so many bytes. Raises DataError past the limits."""
        self.pictures += 1
        self._bytes += num_bytes
        if self.pictures > MAX_PICTURES:
            raise DataError(f"more than {MAX_PICTURES:,} pictures: give a folder's path instead")
        if self._bytes > MAX_BYTES:
            raise DataError(f"more than {MAX_BYTES >> 30} GiB: give a folder's path instead")


def _open(file: Path) -> Stream:
    return file.open("rb")


def _put(
    open_stream: Callable[[], Stream],
    folder: Path,
    name: str,
    budget: Budget,
    skipped: list[Skipped],
) -> None:
    try:
        with open_stream() as stream:
            data = stream.read()
    except (UnreadablePicture, OSError) as error:
        skipped.append(Skipped(name, str(error)))
        return
    budget.spend(len(data))
    target = _target(folder, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def _link(entry: Entry, folder: Path, budget: Budget) -> None:
    """Link where the disk allows it, and copy elsewhere."""
    target = _target(folder, entry.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(entry.source, Folder):
        with contextlib.suppress(OSError):
            os.link(Path(entry.source.root, entry.path).resolve(), target)
            return
    _put(entry.open, folder, entry.name, budget, [])


def _target(folder: Path, name: str) -> Path:
    """Make a file's own name: folders are kept as classes, and nothing leads out of `folder`."""
    path = PurePosixPath(name)
    parents = [_safe(part) for part in path.parts[:-1] if part not in ("..", "/")]
    stem, number = _safe(path.stem), 1
    ending = path.suffix.lower() if path.suffix.lower() in UPLOADS else ".png"
    target = folder.joinpath(*parents, stem + ending)
    while target.exists():
        number += 1
        target = target.with_name(f"{stem}-{number}{ending}")
    return target


def _safe(part: str) -> str:
    """Keep a name in its own script, but for what no file or folder may be called."""
    letters = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "-", unicodedata.normalize("NFC", part))
    return letters[:MAX_LETTERS].strip(" .") or "pictures"


def _new_set(places: Places, name: str) -> Path:
    root, number = places.make("sets"), 1
    while True:
        with contextlib.suppress(FileExistsError):
            path = root / (f"{name}-{number}" if number > 1 else name)
            path.mkdir()
            return path
        number += 1
