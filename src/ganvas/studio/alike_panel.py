"""Below the thumbnails of the Train tab: groups of pictures that hardly differ."""

import base64
import functools
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

from ganvas.data.scan import Entry, scan
from ganvas.studio import uploads
from ganvas.studio.texts import Texts

MOST_GROUPS = 12
MOST_OF_GROUP = 8
THUMBNAIL_PX = 96


def draw(t: Texts, source: str, groups: Sequence[Sequence[str]]) -> str:
    """Draw each group in a frame, the picture that stays first; empty without groups."""
    if not groups:
        return ""
    shown = [group[:MOST_OF_GROUP] for group in groups[:MOST_GROUPS]]
    wanted = {name for group in shown for name in group}
    entries = {entry.name: entry for entry in scan(source).entries if entry.name in wanted}
    frames = "".join(
        f"<li>{''.join(_figure(t, entries[name], is_first=name == group[0]) for name in part)}"
        f"{_more(t, len(group) - len(part))}</li>"
        for group, part in zip(groups, shown, strict=False)
    )
    count = t("alike.title", n=sum(len(group) - 1 for group in groups))
    return (
        f'<section class="alike"><h3>{escape(count)}</h3><p>{escape(t("alike.line"))}</p>'
        f"<ul>{frames}{_more(t, len(groups) - len(shown))}</ul></section>"
    )


def _figure(t: Texts, entry: Entry, *, is_first: bool) -> str:
    said = escape(t("alike.stays")) if is_first else escape(Path(entry.name).name)
    name = escape(entry.name)
    return (
        f'<figure class="{"stays" if is_first else ""}" title="{name}">'
        f'<img src="{_data(entry)}" alt="{name}"><figcaption>{said}</figcaption></figure>'
    )


def _more(t: Texts, number: int) -> str:
    return f"<small>{escape(t('alike.more', n=number))}</small>" if number > 0 else ""


@functools.lru_cache(maxsize=MOST_GROUPS * MOST_OF_GROUP)
def _data(entry: Entry) -> str:
    """A small copy in an address, so that nothing is kept on disk."""
    file = io.BytesIO()
    if picture := uploads.thumbnail(entry, THUMBNAIL_PX):
        picture.save(file, "WEBP", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
