"""A repainting with its progress on the screen: one photo, or a folder of them."""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

from PIL import Image
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ganvas.cli import console
from ganvas.cli.interrupt import EXIT_CODE, StopRequest, stop_request
from ganvas.core.errors import ConfigError, DataError, MissingExtraError
from ganvas.core.files import atomic_path
from ganvas.latent.film import check_film, write_film
from ganvas.style.config import complete
from ganvas.style.inputs import gather, load
from ganvas.style.steps import Plan, StyleReport, paint_steps, plan

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
DEEP_FORMATS = (".tif", ".tiff")
FILM_FRAMES = 80
FILM_PX = 1024
"""Long side of its frames at most: they are all kept in memory."""
FRAME_MS = 80
LAST_MS = 2_500
PREVIEW_SECONDS = 0.5
LOSS_STEPS = 10
"""A loss is read so often: reading waits for the device."""
PARTS = ("style", "content", "variation")


@dataclass(frozen=True)
class Order:
    """What was asked for on the command line."""

    content: Path
    styles: list[Path]
    out: Path
    masks: Sequence[Path] = ()
    protect: Path | None = None
    save_steps: int | None = None
    film: Path | None = None
    wanted: Mapping[str, Any] = field(default_factory=dict)


def paint(order: Order) -> int:
    """Carry out `ganvas stylize`; return the exit code."""
    if not order.styles:
        raise ConfigError("STYLE is missing: name at least one painting")
    if order.save_steps is not None and order.save_steps < 1:
        raise ConfigError(f"--save-steps is {order.save_steps}: it must be at least 1")
    if order.film is not None:
        check_film(order.film)
    complete(order.wanted)  # What is wrong with a setting is said before anything is read.
    screen = console.out()
    with stop_request() as stop:
        if order.content.is_dir():
            return paint_folder(order, screen, stop)
        order = replace(order, out=target(order.out, order.content))
        _spare_what_is_read(order, [order.content], [order.out])
        return paint_one(order, screen, stop)


def _spare_what_is_read(order: Order, photos: Sequence[Path], written: Sequence[Path]) -> None:
    """Raise ConfigError where a picture that is read would be written over."""
    start = complete(order.wanted).init
    read = [*photos, *order.styles, *order.masks, order.protect, Path(start)]
    known = {path.resolve() for path in read if path is not None}
    for path in [*written, *([order.film] if order.film else [])]:
        if path.resolve() in known:
            raise ConfigError(f"{path} is read, so it cannot be written: choose another -o")


def paint_folder(order: Order, screen: Console, stop: StopRequest) -> int:
    """Repaint every picture of a folder; what cannot be used is named and left out."""
    if order.masks or order.protect or order.film:
        raise ConfigError("masks and films belong to one photo: name it instead of a folder")
    if order.out.suffix.lower() in (*FORMATS, *DEEP_FORMATS):
        raise ConfigError(f"{order.content} is a folder, so -o must be one too: {order.out} is not")
    from ganvas.data.scan import scan

    found = scan(str(order.content))
    written = _names([entry.name for entry in found.entries])
    photos = {order.content / name: order.out / new for name, new in written.items()}
    _spare_what_is_read(order, list(photos), list(photos.values()))
    for style in order.styles:
        load(style, "painting")  # A wrong one is told once, and not of each photo.
    order.out.mkdir(parents=True, exist_ok=True)
    for left_out in found.skipped:
        screen.print(f"skipped  {left_out.name}: {left_out.reason}", soft_wrap=True)
    done = 0
    for number, (photo, out) in enumerate(photos.items(), start=1):
        if number > 1 and stop():
            return EXIT_CODE
        screen.print(f"photo {number} of {len(photos)}  {photo.name}", soft_wrap=True)
        one = replace(order, content=photo, out=out)
        try:
            code = paint_one(one, screen, stop)
        except DataError as error:
            screen.print(f"skipped  {error}", soft_wrap=True)
            continue
        if code:
            return code
        done += 1
    skipped = len(photos) + len(found.skipped) - done
    screen.print(f"Done: {done} in {console.short_path(order.out)}, {skipped} skipped.")
    return 0 if done else 1


def paint_one(order: Order, screen: Console, stop: StopRequest) -> int:
    """Repaint one photo; previews are written as it goes."""
    config = complete(order.wanted)
    job = gather(order.content, order.styles, order.masks, order.protect)
    todo = plan(job, config)
    screen.print(intention(todo), soft_wrap=True)
    order.out.parent.mkdir(parents=True, exist_ok=True)
    film = Film(todo.total_steps) if order.film else None
    report: StyleReport | None = None
    with Progress(screen) as progress:
        for report in paint_steps(job, config, todo):
            progress.show(report)
            if film:
                film.look(report)
            if order.save_steps and report.step % order.save_steps == 0:
                name = f"{order.out.stem}-{report.step:05d}{order.out.suffix}"
                write_report(order.out.with_name(name), report)
            if progress.is_due(report):
                write_report(order.out, report)
                progress.note(report, order.out)
            if stop():
                break
    assert report is not None
    stopped = report.step < report.total_steps
    if stopped:
        write_report(order.out, report)
    if film and order.film:
        film.write(order.film)
        screen.print(f"Film: {console.short_path(order.film)}", soft_wrap=True)
    where = console.short_path(order.out)
    if stopped:
        size = f"{report.width} x {report.height} px"
        screen.print(f"Stopped: {where} is the picture so far, {size}.", soft_wrap=True)
        return EXIT_CODE
    screen.print(f"Done: {where}", soft_wrap=True)
    return 0


def _names(photos: Sequence[str]) -> dict[str, str]:
    """Return what to call each photo's result, no two alike: `a.png`, and `a-jpg.png` beside it."""
    given: dict[str, str] = {}
    taken: set[str] = set()
    for photo in photos:
        path = PurePath(photo)
        stem = "-".join((*path.parts[:-1], path.stem))
        choices = (stem, f"{stem}{path.suffix.replace('.', '-')}")
        numbered = (f"{choices[1]}-{number}" for number in itertools.count(2))
        name = next(one for one in itertools.chain(choices, numbered) if one.lower() not in taken)
        taken.add(name.lower())
        given[photo] = f"{name}.png"
    return given


def target(out: Path, content: Path) -> Path:
    """Return the file to write: `out`, or in a folder one named like the photo."""
    if out.is_dir():
        return out / f"{content.stem.removeprefix('builtin:')}.png"
    if out.suffix.lower() in DEEP_FORMATS:
        _tifffile()  # Missing, it is missed before the work and not after it.
    elif out.suffix.lower() not in FORMATS:
        endings = ", ".join((*FORMATS, *DEEP_FORMATS))
        raise ConfigError(f"{out} must end in {endings}, or be a folder")
    return out


def intention(todo: Plan) -> str:
    """Say what will be done and what it takes."""
    last = todo.scales[-1]
    scales = f" in {len(todo.scales)} scales" if len(todo.scales) > 1 else ""
    tiles = f", in tiles of {todo.tile_px} px" if todo.tile_px else ""
    return (
        f"paint  {last.width} x {last.height} px{scales}, {todo.total_steps} steps on "
        f"{todo.device} in {todo.precision}{tiles}, about {console.size(todo.needed_bytes)} "
        f"of memory"
    )


def write_report(path: Path, report: StyleReport) -> None:
    """Write the picture of a step, as the name's ending says; TIFF gets 16 bits."""
    if path.suffix.lower() not in DEEP_FORMATS:
        write_picture(path, report.render())
        return
    levels = report.render_deep()
    extra = ["unassalpha"] if levels.shape[2] == 4 else None
    with atomic_path(path) as temporary:
        _tifffile().imwrite(temporary, levels, photometric="rgb", extrasamples=extra)


def _tifffile() -> ModuleType:
    try:
        return import_module("tifffile")
    except ImportError:
        raise MissingExtraError("tifffile", "tiff", "a TIFF of 16 bits") from None


def write_picture(path: Path, picture: Image.Image) -> None:
    """Write a picture atomically; JPEG knows no opacity and gets white behind it."""
    kind = FORMATS[path.suffix.lower()]
    if kind == "JPEG" and picture.mode == "RGBA":
        paper = Image.new("RGB", picture.size, "white")
        paper.paste(picture, mask=picture.getchannel("A"))
        picture = paper
    options = {} if kind == "PNG" else {"quality": 95}
    with atomic_path(path) as temporary:
        picture.save(temporary, format=kind, **options)


class Film:
    """Collects some frames, evenly over the steps."""

    def __init__(self, total_steps: int) -> None:
        self._every = max(1, total_steps // FILM_FRAMES)
        self._frames: list[Image.Image] = []

    def look(self, report: StyleReport) -> None:
        """Keep this picture when it is its turn."""
        if report.step % self._every == 0 or report.step in (1, report.total_steps):
            frame = report.render().convert("RGB")
            frame.thumbnail((FILM_PX, FILM_PX))
            self._frames.append(frame)

    def write(self, path: Path) -> None:
        """Write the frames, all in the size of the last one."""
        size = self._frames[-1].size
        frames = [frame.resize(size, Image.Resampling.BICUBIC) for frame in self._frames]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_film(path, frames, [FRAME_MS] * (len(frames) - 1) + [LAST_MS])


class Progress:
    """A live bar on a terminal, and a line a scale anywhere else."""

    def __init__(self, screen: Console) -> None:
        self._screen, self._start = screen, time.monotonic()
        self._losses = ""
        self._previewed = False
        self._live: Live | None = None
        if screen.file.isatty() and not screen.quiet:
            self._live = Live(console=screen, refresh_per_second=4, transient=True)

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, report: StyleReport) -> None:
        """Move the bar; numbers are read only where somebody sees them."""
        if self._live is None:
            return
        if report.step % LOSS_STEPS == 1:
            self._losses = losses(report)
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            f"painting {report.width} x {report.height}",
            ProgressBar(total=1.0, completed=report.share, width=32),
            f"{int(report.share * 100)} %",
            f"eta {console.duration(self._left(report))}",
        )
        self._live.update(Group(bar, Text(self._losses, style="dim")))

    def is_due(self, report: StyleReport) -> bool:
        """Whether to write a preview: at the end of a scale, and once soon after the start."""
        early = not self._previewed and time.monotonic() - self._start > PREVIEW_SECONDS
        self._previewed |= early
        return early or report.last_of_scale

    def note(self, report: StyleReport, out: Path) -> None:
        """Say that a scale is finished, and where to look at it."""
        took = console.duration(time.monotonic() - self._start)
        line = [
            f"scale {report.scale + 1} of {report.scales}",
            f"{report.width} x {report.height} px",
            f"{int(report.share * 100)} %",
            f"after {took}",
            f"eta {console.duration(self._left(report))}",
            losses(report),
        ]
        if report.scale + 1 < report.scales:
            line.append(f"preview: {console.short_path(out)}")
        self._screen.print("  ".join(line), soft_wrap=True)
        self._screen.file.flush()

    def _left(self, report: StyleReport) -> float:
        return (time.monotonic() - self._start) * (1 / report.share - 1)


def losses(report: StyleReport) -> str:
    """Write the weighted parts of the loss."""
    return "  ".join(f"{name} {float(report.losses[name]):.3f}" for name in PARTS)
