"""Which pictures are there: in a folder, a zip or built in; with classes, and what is skipped."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from ganvas.core.errors import DataError
from ganvas.data.archive import list_zip
from ganvas.data.builtin import list_builtin
from ganvas.data.config import Classes
from ganvas.data.entries import Entry, Skipped, tally
from ganvas.data.folder import list_folder
from ganvas.data.listing import Listing, Rows

__all__ = ["Entry", "Scan", "Skipped", "scan", "tally"]

BUILTIN = "builtin:"


@dataclass(frozen=True)
class Scan:
    """What a source holds, sorted by name."""

    root: str
    """Absolute path of the folder or zip, or `builtin:NAME`."""
    entries: Listing
    skipped: tuple[Skipped, ...]
    class_names: tuple[str, ...]
    """Empty without classes; otherwise a label is an index into it."""


def scan(images: str | Path, *, classes: Classes = "none", only: str | None = None) -> Scan:
    """List the pictures of a folder (with all below it), a zip, or `builtin:NAME`.

    A class is a sub-folder with pictures, however deep; `only` keeps one of them. Looks at names,
    and at first bytes where a name says nothing: whether a picture can be decoded shows when it is
    read. Raises DataError when there is nothing to use.
    """
    root, rows, skipped = _list(str(images))
    skipped.sort(key=attrgetter("name"))
    if not rows:
        raise DataError(f"No pictures in {root}: {tally(skipped) or 'it is empty'}.")
    if classes == "none" and only is None:
        return Scan(root, rows.listing(), tuple(skipped), ())
    depth = _class_depth(rows, may_have_common_root=not Path(root).is_dir())
    names = sorted({_class_of(name, depth) for name in rows.names()} - {""})
    if only is not None:
        if only not in names:
            there = f"there are {', '.join(names)}" if names else "it has no folders of pictures"
            raise DataError(f"No class {only!r} in {root}: {there}.")
        skipped = [one for one in skipped if _class_of(one.name, depth) == only]
        names = [only]
    elif classes == "folders":
        skipped = sorted(skipped + _homeless(rows, names, depth, root), key=attrgetter("name"))
    labels = {name: label if classes == "folders" else 0 for label, name in enumerate(names)}
    rows.label(lambda name: labels.get(_class_of(name, depth)))
    return Scan(root, rows.listing(), tuple(skipped), tuple(names if classes == "folders" else ()))


def _list(images: str) -> tuple[str, Rows, list[Skipped]]:
    if images.startswith(BUILTIN):
        return images, *list_builtin(images.removeprefix(BUILTIN))
    if not images.strip():
        raise DataError("No folder was named: give a folder, a zip or builtin:digits.")
    path = Path(images).expanduser().absolute()
    try:
        if path.is_dir():
            return str(path), *list_folder(path)
        if path.is_file():
            return str(path), *list_zip(path)
        raise DataError(f"There is no folder or zip {path}{_near(path)}.")
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}.") from None


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f", nor the folder {path.parent}"
    near = difflib.get_close_matches(path.name, [item.name for item in path.parent.iterdir()], n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _class_depth(rows: Rows, *, may_have_common_root: bool) -> int:
    """Which part of a name is the class: the second where an archive has one folder around all."""
    has_one_root = len({name.partition("/")[0] for name in rows.names()}) == 1
    is_deep = any(name.count("/") > 1 for name in rows.names())
    return 1 if may_have_common_root and has_one_root and is_deep else 0


def _class_of(name: str, depth: int) -> str:
    folders = name.split("/")[:-1]
    return folders[depth] if len(folders) > depth else ""


def _homeless(rows: Rows, names: Sequence[str], depth: int, root: str) -> list[Skipped]:
    """List the pictures beside the class folders."""
    if not names:
        raise DataError(
            f"{root} has no sub-folders with pictures, so there are no classes: put the pictures "
            "of each class into a folder of its own, or leave classes out."
        )
    reason = "beside the class folders, so it has no class"
    return [Skipped(name, reason) for name in rows.names() if not _class_of(name, depth)]
