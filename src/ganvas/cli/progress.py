"""Training events as plain lines; `live` draws them on a terminal."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

from ganvas.cli.console import duration, is_main, short_path
from ganvas.cli.interrupt import StopRequest
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

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_STATS = ("loss/d", "loss/g", "loss/reconstruction", "loss/kl")
SHOWN_SCORES = tuple(f"metric/{name}_vgg19" for name in ("kid", "fd", "precision", "recall"))
LINE_SECONDS = 5.0
"""Plain lines about preparing pictures, and about ticks, come no faster than this."""


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


def open_display(console: "Console") -> Display:
    """Choose by what the console writes to."""
    if console.quiet or not console.file.isatty():
        return PlainDisplay(partial(print, file=console.file, flush=True))
    from ganvas.cli.live import LiveDisplay

    return LiveDisplay(console)


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

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._prepared_at, self._ticked_at = time.monotonic(), -math.inf

    def preparing(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._prepared_at >= LINE_SECONDS:
            self._prepared_at = now
            self._line(f"preparing  {done:,} of {total:,} pictures")

    def show(self, event: Event) -> None:
        if isinstance(event, Ticked):
            now = time.monotonic()
            if now - self._ticked_at < LINE_SECONDS and event.nimg < event.total_nimg:
                return
            self._ticked_at = now
        if sentence := line(event):
            self._line(sentence)

    def close(self) -> None:
        """There is nothing to put back."""

    def _line(self, text: str) -> None:
        if is_main():
            self._say(text)


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
            return f"{event.kind}  {kimg(event.nimg)} kimg  {event.sentence}"
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
        *([event.health] if event.health else []),
    ]


def scores(event: Evaluated) -> str:
    """Write the scores that fit into a line; metrics.jsonl has all, with their spreads."""
    shown = [
        f"{key.removeprefix('metric/')} {event.metrics[key]:.4g}"
        for key in SHOWN_SCORES
        if key in event.metrics
    ]
    return "  ".join(shown + (["(best so far)"] if event.best else []))


def kimg(nimg: int) -> str:
    """Write thousands of pictures, with more digits for short runs."""
    return f"{nimg / 1000:.2f}" if nimg < 10_000 else f"{nimg / 1000:.1f}"


def percent(share: float) -> str:
    """Write a share, never 100 % before the end."""
    return f"{math.floor(min(share, 1.0) * 100)} %"
