"""`ganvas inspect`: what is in a folder of pictures, and what would be skipped and why."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rich.table import Table

from ganvas.cli import console
from ganvas.cli.interrupt import stop_request
from ganvas.cli.options import Switch
from ganvas.cli.progress import open_display, watched
from ganvas.core.canvas import Resolution, sides
from ganvas.core.errors import DataError
from ganvas.data.inspection import Inspection
from ganvas.layers.sizes import nearest_oblong

FIRST_NAMES = 3
"""Skipped pictures named for each reason."""
MOST = 2 / 3
"""Share of the pictures from which on their shape is suggested for training."""


def inspect(
    images: str,
    /,
    *,
    json: Switch = False,
) -> None:
    """Show what is in a folder of pictures, and what training would do with it.

    Parameters
    ----------
    images
        A folder, a zip, or builtin:NAME (digits, emoji).
    json
        Print one JSON object.
    """
    from ganvas.training.configure import complete, look

    with stop_request() as stop, open_display(console.err()) as display:
        inspection = look(images, {}, watched(display, stop))
    found = inspection.to_dict()
    found["classes"] = sub_folders(images, {one["name"] for one in found["skipped"]})
    found["preset"] = complete(images, {}, inspection).preset
    found["oblong"] = common_oblong(inspection)
    if json:
        console.print_json(found)
    else:
        console.out().print(picture(found))


def common_oblong(inspection: Inspection) -> Resolution | None:
    """Suggest a size in the shape of most pictures, if that is not a square."""
    shape, num = next(iter(inspection.aspect_ratios.items()), ("", 0))
    width, _, height = shape.partition(":")
    if width == height or not height or num < MOST * inspection.usable:
        return None
    scale = min(sides(inspection.resolution)) / min(int(height), int(width))
    return nearest_oblong(scale * int(height), scale * int(width))


def sub_folders(images: str, skipped: Collection[str]) -> dict[str, int]:
    """Count the usable pictures of each class that `--classes folders` would make."""
    from ganvas.data.scan import scan

    try:
        found = scan(images, classes="folders")
    except DataError:
        return {}
    labels = Counter(entry.label for entry in found.entries if entry.name not in skipped)
    return {name: labels[label] for label, name in enumerate(found.class_names)}


def picture(found: Mapping[str, Any]) -> Table:
    """Draw the facts as a table of two columns."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows(found):
        table.add_row(name, text)
    return table


def rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Put each fact in words; facts that say nothing are left out."""
    sizes = [f"{name} {width} x {height}" for name, (width, height) in found["sizes"].items()]
    facts = [
        ("images", found["images"]),
        ("usable", f"{found['usable']:,} of {found['usable'] + len(found['skipped']):,} pictures"),
        ("sizes", "  ".join(sizes)),
        ("shapes", _counts(found["aspect_ratios"])),
        ("colours", "grey" if found["channels"] == 1 else "colour"),
        ("modes", _counts(found["modes"])),
        ("formats", _counts(found["formats"])),
        ("classes", _counts(found["classes"])),
        ("alike", _alike(found["alike"])),
        ("trains at", f"{found['resolution']} px"),
        ("or", f"--resolution {found['oblong']}: most have this shape" if found["oblong"] else ""),
        ("preset", found["preset"]),
    ]
    return [fact for fact in facts if fact[1]] + _skipped(found["skipped"])


def _skipped(skipped: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    names = defaultdict(list)
    for one in skipped:
        names[one["reason"]].append(one["name"])
    return [
        ("skipped" if not index else "", f"{len(group):,}: {reason} ({_first(group)})")
        for index, (reason, group) in enumerate(sorted(names.items(), key=_most_first))
    ]


def _alike(groups: Sequence[Sequence[str]]) -> str:
    pairs = [f"{name} as {group[0]}" for group in groups for name in group[1:]]
    return f"{len(pairs):,} nearly the same as another ({_first(pairs)})" if pairs else ""


def _most_first(item: tuple[str, list[str]]) -> tuple[int, str]:
    return -len(item[1]), item[0]


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - FIRST_NAMES:,} more" if len(names) > FIRST_NAMES else ""
    return ", ".join(names[:FIRST_NAMES]) + more


def _counts(counts: Mapping[str, int]) -> str:
    return "  ".join(f"{name} {count:,}" for name, count in counts.items())
