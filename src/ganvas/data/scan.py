"""Which pictures are there: in a folder, a zip or built in; with classes, and what is skipped."""

import dataclasses
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganvas.core.errors import DataError
from ganvas.data.archive import list_zip
from ganvas.data.builtin import list_builtin
from ganvas.data.config import Classes
from ganvas.data.entries import Entry, Skipped, tally
from ganvas.data.folder import list_folder

__all__ = ["Entry", "Scan", "Skipped", "scan", "tally"]

BUILTIN = "builtin:"


@dataclass(frozen=True)
class Scan:
    """What a source holds, sorted by name."""

    root: str
    """Absolute path of the folder or zip, or `builtin:NAME`."""
    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]
    class_names: tuple[str, ...]
    """Empty without classes; otherwise a label is an index into it."""


def scan(images: str | Path, *, classes: Classes = "none", only: str | None = None) -> Scan:
    """List the pictures of a folder (with all below it), a zip, or `builtin:NAME`.

    Looks at names only, and at first bytes where a name says nothing; whether a picture can be
    decoded shows when it is read. Raises DataError when there is nothing to use.
    """
    root, entries, skipped = _list(str(images))
    if not entries:
        raise DataError(f"No pictures in {root}: {tally(skipped) or 'it is empty'}.")
    entries.sort(key=lambda entry: entry.name)
    skipped.sort(key=lambda one: one.name)
    depth = _class_depth(entries, may_have_common_root=not Path(root).is_dir())
    if only is not None:
        entries = _keep(entries, only, depth, root)
        skipped = [one for one in skipped if _class_of(one.name, depth) == only]
    if classes == "none":
        return Scan(root, tuple(entries), tuple(skipped), ())
    names = sorted({name for entry in entries if (name := _class_of(entry.name, depth))})
    if not names:
        raise DataError(
            f"{root} has no sub-folders with pictures, so there are no classes: put the pictures "
            "of each class into a folder of its own, or leave classes out."
        )
    label_of = {name: label for label, name in enumerate(names)}
    labelled = [
        dataclasses.replace(entry, label=label_of[name])
        for entry in entries
        if (name := _class_of(entry.name, depth))
    ]
    homeless = [
        Skipped(entry.name, "beside the class folders, so it has no class")
        for entry in entries
        if not _class_of(entry.name, depth)
    ]
    skipped = sorted(skipped + homeless, key=lambda one: one.name)
    return Scan(root, tuple(labelled), tuple(skipped), tuple(names))


def _list(images: str) -> tuple[str, list[Entry], list[Skipped]]:
    if images.startswith(BUILTIN):
        return images, *list_builtin(images.removeprefix(BUILTIN))
    path = Path(images).expanduser().absolute()
    if path.is_dir():
        return str(path), *list_folder(path)
    if path.is_file():
        return str(path), *list_zip(path)
    raise DataError(f"There is no folder or zip {path}{_near(path)}.")


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f", nor the folder {path.parent}"
    near = difflib.get_close_matches(path.name, [item.name for item in path.parent.iterdir()], n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _class_depth(entries: Sequence[Entry], *, may_have_common_root: bool) -> int:
    """Which part of a name is the class: the second where an archive has one folder around all."""
    parts = [entry.name.split("/") for entry in entries]
    has_common_root = len({part[0] for part in parts}) == 1 and any(len(part) > 2 for part in parts)
    return 1 if may_have_common_root and has_common_root else 0


def _class_of(name: str, depth: int) -> str:
    folders = name.split("/")[:-1]
    return folders[depth] if len(folders) > depth else ""


def _keep(entries: Sequence[Entry], only: str, depth: int, root: str) -> list[Entry]:
    kept = [entry for entry in entries if _class_of(entry.name, depth) == only]
    if not kept:
        names = sorted({_class_of(entry.name, depth) for entry in entries} - {""})
        there = f"there are {', '.join(names)}" if names else "it has no sub-folders with pictures"
        raise DataError(f"No class {only!r} in {root}: {there}.")
    return kept
