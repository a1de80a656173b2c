"""Training events on a terminal: a bar with the time left and the newest numbers."""

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ganvas.cli.console import duration, short_path
from ganvas.cli.progress import Display, facts, line, percent, scores
from ganvas.training.events import (
    Evaluated,
    Event,
    Finished,
    Noted,
    Snapshotted,
    Started,
    Stepped,
    Ticked,
)

WAITING = "getting ready", 0, 0


class LiveDisplay(Display):
    """A bar with the time left, the newest numbers and the last thing worth knowing."""

    def __init__(self, console: Console) -> None:
        self._title, self._done, self._total = WAITING
        self._tick: Ticked | None = None
        self._tick_at = 0.0
        self._score = ""
        self._note = ""
        self._live = Live(
            console=console, get_renderable=self._frame, refresh_per_second=4, transient=True
        )
        self._live.start()

    def preparing(self, done: int, total: int) -> None:
        # What follows the last picture, loading torch and timing steps, cannot be counted.
        at_work = "preparing pictures", done, total
        self._title, self._done, self._total = at_work if done < total else WAITING

    def show(self, event: Event) -> None:
        match event:
            case Started():
                self._title, self._done, self._total = "training", event.nimg, event.total_nimg
                self._live.console.print(line(event))
            case Stepped():
                self._done, self._total = event.nimg, event.total_nimg
            case Ticked():
                self._done, self._total = event.nimg, event.total_nimg
                self._tick, self._tick_at = event, time.monotonic()
            case Evaluated():
                self._score = scores(event)
            case Snapshotted():
                self._note = f"pictures: {short_path(event.samples)}"
            case Noted():
                self._note = event.sentence
                self._live.console.print(line(event))
            case Finished():
                self._live.refresh()

    def close(self) -> None:
        self._live.stop()

    def _frame(self) -> RenderableType:
        share = self._done / self._total if self._total else 0.0
        bar = Table.grid(padding=(0, 2))
        cells: list[RenderableType] = [
            Text(self._title),
            ProgressBar(total=self._total or None, completed=self._done, width=32),
            Text(percent(share) if self._total else ""),
        ]
        rows = [Text(self._score, style="dim"), Text(self._note, style="dim")]
        if self._tick:
            left = self._tick.eta_seconds - (time.monotonic() - self._tick_at)
            cells.append(Text(f"eta {duration(left)}"))
            rows.insert(0, Text("  ".join(facts(self._tick)[2:])))
        bar.add_row(*cells)
        return Group(bar, *[row for row in rows if row.plain])
