"""Training events as a live display on a terminal, and as plain lines anywhere else."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ganvas.cli.console import duration, short_path
from ganvas.cli.interrupt import StopRequest
from ganvas.training import health
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

SHOWN_STATS = ("loss/d", "loss/g")
WAITING = "getting ready", 0, 0
PREPARE_SECONDS = 5.0
"""Plain lines about preparing pictures come no faster than this."""


class Display(ABC):
    """Shows preparation and events; a context, so that the terminal is always put back."""

    def __enter__(self) -> "Display":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def preparing(self, done: int, total: int) -> None:
        """Show that `done` of `total` pictures are looked at or prepared."""

    @abstractmethod
    def show(self, event: Event) -> None:
        """Show one event."""

    @abstractmethod
    def close(self) -> None:
        """Put the terminal back."""


def open_display(console: Console) -> Display:
    """Choose by what the console writes to."""
    return (
        LiveDisplay(console)
        if console.file.isatty() and not console.quiet
        else PlainDisplay(console)
    )


def watched(display: Display, stop: StopRequest) -> Callable[[int, int], None]:
    """Show how far a preparation is, and leave it when asked: nothing is worth saving yet."""

    def on_prepare(done: int, total: int) -> None:
        display.preparing(done, total)
        stop.check()

    return on_prepare


def follow(events: Iterable[Event], display: Display) -> Finished:
    """Show all events; return the last one."""
    event = None
    for event in events:
        display.show(event)
    assert isinstance(event, Finished), "a session ends by saying how"
    return event


class PlainDisplay(Display):
    """One line an event, for log files and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._prepared_at = time.monotonic()

    def preparing(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._prepared_at >= PREPARE_SECONDS:
            self._prepared_at = now
            self._print(f"preparing  {done:,} of {total:,} pictures")

    def show(self, event: Event) -> None:
        if sentence := line(event):
            self._print(sentence)

    def close(self) -> None:
        self._console.file.flush()

    def _print(self, text: str) -> None:
        # A log has no width: soft_wrap leaves long lines whole.
        self._console.print(text, soft_wrap=True)
        self._console.file.flush()


def line(event: Event) -> str | None:
    """Write an event as one line; steps have none."""
    match event:
        case Started():
            verb = "continue" if event.continued else "train"
            speed = f", {event.images_per_second:.1f} img/s" if event.images_per_second else ""
            length = f"{kimg(event.nimg)} to {kimg(event.total_nimg)} kimg"
            return f"{verb}  {short_path(event.run)}  {length}{speed}"
        case Ticked():
            return "  ".join(["tick", f"{kimg(event.nimg)} kimg", *facts(event)])
        case Snapshotted():
            return f"save  {kimg(event.nimg)} kimg  {short_path(event.samples)}"
        case Evaluated():
            return f"score  {kimg(event.nimg)} kimg  {scores(event)}"
        case Noted():
            return f"note  {kimg(event.nimg)} kimg  {event.sentence}"
        case Finished() | Stepped():
            return None


def facts(event: Ticked) -> list[str]:
    """List a tick's share done, time left, speed, losses and health."""
    share = event.nimg / event.total_nimg
    losses = [f"{key} {event.stats[key]:.2f}" for key in SHOWN_STATS if key in event.stats]
    return [
        percent(share),
        f"eta {duration(event.eta_seconds)}",
        f"{event.images_per_second:.1f} img/s",
        *losses,
        health.word(event.stats, fraction=share),
    ]


def scores(event: Evaluated) -> str:
    """Write the scores themselves, without spreads, floors and counts."""
    shown = [
        f"{key.removeprefix('metric/')} {value:.4g}"
        for key, value in event.metrics.items()
        if key.startswith("metric/") and not key.endswith(("_std", "_floor"))
    ]
    return "  ".join(shown + (["(best so far)"] if event.best else []))


def kimg(nimg: int) -> str:
    """Write thousands of pictures, with more digits for short runs."""
    return f"{nimg / 1000:.2f}" if nimg < 10_000 else f"{nimg / 1000:.1f}"


def percent(share: float) -> str:
    """Write a share, never 100 % before the end."""
    return f"{math.floor(min(share, 1.0) * 100)} %"


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
