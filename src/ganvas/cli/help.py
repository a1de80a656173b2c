"""A help page in two plain columns: quicker to draw than boxes, easy to search and to copy."""

import textwrap

from cyclopts.help import HelpEntry, HelpPanel, InlineText
from rich.console import Console, ConsoleOptions
from rich.text import Text

WIDEST_LABEL = 30
GAP = 2


def columns(console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
    """Print one group of flags or commands; a `HelpFormatter` of Cyclopts."""
    if not panel.entries:
        return
    labels = [", ".join(entry.display_labels_with_metavar) for entry in panel.entries]
    left = min(max(map(len, labels)), WIDEST_LABEL) + 2 * GAP
    page = Text(str(panel.title), style="bold")
    if about := _plain(panel.description):
        page.append(f": {about}", style="not bold")
    for label, entry in zip(labels, panel.entries, strict=True):
        lines = textwrap.wrap(_meaning(entry), options.max_width - left) or [""]
        first, rest = (lines[0], lines[1:]) if len(label) <= left - 2 * GAP else ("", lines)
        page.append("\n" + " " * GAP)
        page.append(label.ljust(left - GAP), style="not bold cyan")
        page.append(first, style="not bold")
        for line in rest:
            page.append(f"\n{' ' * left}{line}", style="not bold")
    console.print(page, "", sep="\n", soft_wrap=True)


def _meaning(entry: HelpEntry) -> str:
    facts = [
        _plain(entry.description),
        f"[{', '.join(entry.choices)}]" if entry.choices else "",
        f"[default: {entry.default}]" if entry.default is not None else "",
        "[required]" if entry.required else "",
    ]
    return " ".join(fact for fact in facts if fact)


def _plain(description: object) -> str:
    text = description.primary_renderable if isinstance(description, InlineText) else description
    return " ".join(str(text or "").split())
