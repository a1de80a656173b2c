"""The Train tab: pictures in, a run started, and everything about runs to watch."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

import ganvas
from ganvas.core.canvas import Resolution
from ganvas.core.errors import ConfigError, DataError, RunError
from ganvas.data.scan import scan
from ganvas.studio import alike_panel, doctor_panel, jobs, uploads, watching
from ganvas.studio.drawing import note
from ganvas.studio.places import BUILTIN
from ganvas.studio.shared import Studio, Updates, enlarged

AUTO = "auto"
OFFERED = (AUTO, "quick", "few", "lesson", "dcgan", "residual", "stylegan2")
SHEET = 18
"""Thumbnails shown at a time."""
THUMBNAIL_PX = 112
SAMPLES_PX = 520
REASONS_SHOWN = 6
MOST_MINUTES = 24 * 60


@dataclass(frozen=True)
class Chosen:
    """Pictures that were looked at, and what the user left out of them."""

    source: str = ""
    usable: int = 0
    resolution: Resolution = 0
    unusable: dict[str, str] = field(default_factory=dict)
    alike: tuple[tuple[str, ...], ...] = ()
    """Groups that hardly differ, each with the largest first."""
    steps: tuple[tuple[str, ...], ...] = ()
    """What was left out, step by step, so that the last one can be taken back."""
    sheet: int = 1
    picked: int | None = None

    @property
    def left_out(self) -> set[str]:
        """Names of all that was left out."""
        return {name for step in self.steps for name in step}

    def names(self) -> list[str]:
        """Names of the pictures that can still be used, in order."""
        hidden = {*self.unusable, *self.left_out}
        return [entry.name for entry in scan(self.source).entries if entry.name not in hidden]

    def groups(self) -> list[list[str]]:
        """Groups of which two or more can still be used."""
        hidden = self.left_out
        left = ([name for name in group if name not in hidden] for group in self.alike)
        return [group for group in left if len(group) > 1]

    def without(self, *names: str) -> "Chosen":
        """Leave these out too, as one step."""
        return replace(self, steps=(*self.steps, names), picked=None)


def build(page: gr.Blocks, studio: Studio) -> None:
    """Lay out the tab and say what happens when."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=270):
            chosen = _choose_pictures(studio)
            start, wishes = _choose_settings(studio)
        with gr.Column(scale=6, min_width=270):
            watch = Watch(page, studio)
    start.click(
        studio.told(lambda *given: _start(studio, *given)),
        [chosen, *wishes],
        [watch.run, watch.seen],
        api_visibility="private",
    ).success(watch.look, watch.inputs, watch.outputs, api_visibility="private")


@dataclass(frozen=True)
class Sheet:
    """A page of thumbnails, and what can be done with them."""

    box: gr.Column
    gallery: gr.Gallery
    number: gr.Slider
    leave: gr.Button
    undo: gr.Button
    alike: gr.HTML
    leave_alike: gr.Button


def _choose_pictures(studio: Studio) -> gr.State:
    chosen = gr.State(Chosen())
    studio.step(1, "train.pictures")
    files, path, open_folder, examples = _choose_source(studio)
    facts = gr.HTML()
    sheet = _lay_out_sheet(studio)
    outputs = [chosen, facts, sheet.box, sheet.gallery, sheet.number]
    outputs += [sheet.alike, sheet.leave_alike]
    # One after the other: what is left out is what was picked before.
    in_turn: dict[str, Any] = {"concurrency_id": "pictures", "concurrency_limit": 1}
    in_turn["api_visibility"] = "private"

    def look(typed: str, progress: gr.Progress = gr.Progress()) -> Updates:  # noqa: B008
        return _show(studio, _look(studio, typed, {}, progress))

    def receive(paths: list[str] | None, progress: gr.Progress = gr.Progress()) -> Updates:  # noqa: B008
        folder, skipped = uploads.accept(studio.places, [Path(one) for one in paths or ()])
        bad = {one.name: one.reason for one in skipped}
        return _show(studio, _look(studio, folder, bad, progress))

    def pick(before: Chosen, event: gr.SelectData) -> Chosen:
        return replace(before, picked=(before.sheet - 1) * SHEET + int(event.index))

    def on(trigger: Callable[..., Any], act: Callable[..., Any], *inputs: Any) -> None:
        trigger(studio.told(act), list(inputs), outputs, **in_turn)

    on(files.upload, receive, files)
    on(open_folder.click, look, path)
    on(path.submit, look, path)
    on(examples.input, look, examples)
    on(
        sheet.number.release,
        lambda was, n: _show(studio, replace(was, sheet=n)),
        chosen,
        sheet.number,
    )
    on(sheet.leave.click, lambda was: _show(studio, _leave_out(studio, was)), chosen)
    on(
        sheet.undo.click,
        lambda was: _show(studio, replace(was, steps=was.steps[:-1])),
        chosen,
    )
    on(sheet.leave_alike.click, lambda was: _show(studio, _leave_alike(was)), chosen)
    sheet.gallery.select(
        pick, chosen, chosen, trigger_mode="multiple", show_progress="hidden", **in_turn
    )
    return chosen


def _choose_source(studio: Studio) -> tuple[gr.File, gr.Textbox, gr.Button, gr.Radio]:
    t = studio.t
    with gr.Tabs():
        with gr.Tab(t("train.upload")):
            files = gr.File(
                label=t("train.files"),
                file_count="multiple",
                file_types=uploads.UPLOADS,
                height=140,
                elem_id="train-files",
            )
        with gr.Tab(t("train.folder")):
            path = gr.Textbox(label=t("train.path"), info=t("train.path_info"), max_lines=1)
            open_folder = gr.Button(t("train.open"))
        with gr.Tab(t("train.examples")):
            examples = gr.Radio(
                [(t(f"{name.replace(':', '.')}"), name) for name in BUILTIN],
                label=t("train.examples_info"),
            )
    return files, path, open_folder, examples


def _lay_out_sheet(studio: Studio) -> Sheet:
    t = studio.t
    with gr.Column(visible=False) as box:
        gallery = gr.Gallery(
            label=t("train.gallery"),
            columns=6,
            height=260,
            allow_preview=False,
            object_fit="contain",
            buttons=[],
            elem_id="pictures",
        )
        number = gr.Slider(1, 2, 1, step=1, label=t("train.sheet"), visible=False)
        with gr.Row():
            leave = gr.Button(t("train.leave_out"), min_width=120, elem_id="leave-out")
            undo = gr.Button(t("train.undo"), min_width=120, elem_id="undo")
        alike = gr.HTML(elem_id="alike")
        leave_alike = gr.Button(t("alike.leave_out"), visible=False, elem_id="leave-alike")
    return Sheet(box, gallery, number, leave, undo, alike, leave_alike)


def _look(studio: Studio, typed: str, bad: dict[str, str], progress: gr.Progress) -> Chosen:
    source = studio.places.source(typed)
    found = ganvas.inspect(source, progress=lambda done, total: progress((done, total)))
    unusable = bad | {one.name: one.reason for one in found.skipped}
    return Chosen(source, found.usable, found.resolution, unusable, found.alike)


def _leave_out(studio: Studio, chosen: Chosen) -> Chosen:
    names = chosen.names()
    if chosen.picked is None or chosen.picked >= len(names):
        raise ConfigError(studio.t("train.pick_first"))
    if len(names) == 1:
        raise ConfigError(studio.t("train.last_one"))
    return chosen.without(names[chosen.picked])


def _leave_alike(chosen: Chosen) -> Chosen:
    """Leave out all but the largest of each group."""
    return chosen.without(*(name for group in chosen.groups() for name in group[1:]))


def _show(studio: Studio, chosen: Chosen) -> Updates:
    names, groups = chosen.names(), chosen.groups()
    sheets = max(1, -(-len(names) // SHEET))
    number = min(chosen.sheet, sheets)
    shown = names[(number - 1) * SHEET : number * SHEET]
    return (
        replace(chosen, sheet=number),
        _facts(studio, chosen),
        gr.Column(visible=bool(names)),
        gr.Gallery(value=_thumbnails(chosen.source, shown), selected_index=None),
        gr.Slider(maximum=max(2, sheets), value=number, visible=sheets > 1),
        alike_panel.draw(studio.t, chosen.source, groups),
        gr.Button(visible=bool(groups)),
    )


def _thumbnails(source: str, names: list[str]) -> list[tuple[Image.Image, str]]:
    wanted = set(names)
    entries = [entry for entry in scan(source).entries if entry.name in wanted]
    pictures = [(uploads.thumbnail(entry, THUMBNAIL_PX), entry.name) for entry in entries]
    blank = Image.new("RGB", (THUMBNAIL_PX, THUMBNAIL_PX), "grey")
    return [(picture or blank, Path(name).name) for picture, name in pictures]


def _facts(studio: Studio, chosen: Chosen) -> str:
    """Count what can be used, and say of the rest why not."""
    t = studio.t
    usable = chosen.usable - len(chosen.left_out)
    counts = [t("train.usable", n=usable), t("train.size", px=chosen.resolution)]
    if chosen.left_out:
        counts.append(t("train.left_out_by_you", n=len(chosen.left_out)))
    if chosen.unusable:
        counts.append(t("train.skipped", n=len(chosen.unusable)))
    words = "".join(f"<span>{escape(one)}</span>" for one in counts)
    rows = "".join(
        f"<li><b>{count}</b> {escape(reason)} <small>{escape(_first(chosen, reason))}</small></li>"
        for reason, count in Counter(chosen.unusable.values()).most_common(REASONS_SHOWN)
    )
    why = f"<details open><summary>{escape(t('train.why'))}</summary><ul>{rows}</ul></details>"
    few = note(t("train.few_pictures")) if usable < 30 else ""
    return f'<div class="facts">{words}</div>{why if rows else ""}{few}'


def _first(chosen: Chosen, reason: str) -> str:
    return next(name for name, why in chosen.unusable.items() if why == reason)


def _choose_settings(studio: Studio) -> tuple[gr.Button, list[Any]]:
    t = studio.t
    studio.step(2, "train.settings")
    minutes = gr.Slider(
        0.5, 240, 10, step=0.5, label=t("train.minutes"), info=t("train.minutes_info")
    )
    preset = gr.Dropdown(t.choices("preset", OFFERED), value=AUTO, label=t("train.preset"))
    with gr.Row():
        classes = gr.Checkbox(False, label=t("train.classes"), info=t("train.classes_info"))
        name = gr.Textbox(label=t("train.name"), info=t("train.name_info"), max_lines=1)
    start = gr.Button(t("train.start"), variant="primary", size="lg", elem_id="start")
    return start, [minutes, preset, classes, name]


def _start(
    studio: Studio, chosen: Chosen, minutes: float, preset: str, classes: bool, name: str
) -> tuple[Any, Any]:
    places = studio.places
    if not chosen.source:
        raise DataError(studio.t("train.no_pictures"))
    if preset not in OFFERED or not 0 < minutes <= MOST_MINUTES:
        raise ConfigError(studio.t("error.unexpected"))
    images = uploads.without(places, places.source(chosen.source), chosen.left_out)
    run = places.free_name(name, chosen.source, studio.coming())
    argv = ["train", images, "--run", run, "--minutes", f"{minutes:g}"]
    argv += [] if preset == AUTO else ["--preset", preset]
    argv += ["--classes", "folders"] if classes else []
    folder = jobs.new_folder(places.make("jobs"))
    jobs.submit(folder, argv, runs=places.runs, kind="train", run=run)
    return gr.Dropdown(choices=studio.runs(), value=run), None


class Watch:
    """The right half: one run, its pictures over time, its curves, and what can be done."""

    def __init__(self, page: gr.Blocks, studio: Studio) -> None:
        t, told = studio.t, studio.told
        self._studio = studio
        self.seen = gr.State(None)
        studio.step(3, "train.watch")
        self.run = gr.Dropdown([], label=t("train.run"), elem_id="run")
        status = gr.HTML(watching.status(t, None))
        stop = gr.Button(t("train.stop"), variant="stop", visible=False, elem_id="stop")
        with gr.Row(visible=False) as after:
            go_on = gr.Button(t("train.continue"), min_width=130, elem_id="continue")
            more = gr.Number(
                10, label=t("train.more"), minimum=0.5, maximum=MOST_MINUTES, min_width=130
            )
        picture = gr.Image(
            label=t("train.samples"),
            interactive=False,
            visible=False,
            buttons=["download", "fullscreen"],
            elem_id="samples",
        )
        moment = gr.Slider(0, 1, 0, step=1, label=t("train.moment"), visible=False)
        charts = gr.HTML()
        events = gr.HTML()
        doctor_panel.build(studio, self.run)
        timer = gr.Timer(watching.FIRST_SECONDS)
        self.inputs = [self.run, moment, self.seen]
        self.outputs = [self.seen, status, picture, moment, charts, events, stop, after, timer]
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        timer.tick(self.look, self.inputs, self.outputs, **private)
        self.run.input(lambda: None, None, self.seen, **private).then(
            self.look, self.inputs, self.outputs, **private
        )
        moment.input(told(self._at), [self.run, moment], [picture, moment], **private)
        stop.click(told(self._stop), self.run, **private).then(
            self.look, self.inputs, self.outputs, **private
        )
        go_on.click(told(self._continue), [self.run, more], self.seen, **private).success(
            self.look, self.inputs, self.outputs, **private
        )
        page.load(self._arrive, None, self.run, **private).then(
            self.look, self.inputs, self.outputs, **private
        )

    def look(self, name: str | None, moment: int, seen: Any) -> Any:
        """Show what is new; where nothing is, the page is left alone."""
        t = self._studio.t
        view = watching.look(self._studio.places, name)
        samples = view.run.samples() if view and view.run else []
        mark = (name, view and (view.state, view.nimg), len(samples))
        if mark == seen:
            return [gr.skip()] * len(self.outputs)
        # Whoever looks at the newest sees the next one too; who went back stays there.
        is_new = seen is None or seen[0] != name
        follows = is_new or moment >= seen[2] - 1
        at = len(samples) - 1 if follows else moment
        changed = is_new or len(samples) != seen[2]
        busy = view is not None and view.is_busy
        picture, slider = self._at(name, at) if changed else (gr.skip(), gr.skip())
        return [
            mark,
            watching.status(t, view),
            picture,
            slider,
            watching.charts(t, view),
            watching.events(t, view),
            gr.Button(visible=busy),
            gr.Row(visible=bool(view and view.run and not busy)),
            gr.Timer(watching.pause(view)),
        ]

    def _at(self, name: str | None, moment: int) -> tuple[Any, Any]:
        try:
            samples = self._studio.places.run(name).samples()
        except RunError:
            samples = []
        if not samples:
            return gr.Image(visible=False), gr.Slider(visible=False)
        nimg, path = samples[max(0, min(int(moment), len(samples) - 1))]
        last = len(samples) - 1
        label = self._studio.t("train.moment_at", kimg=f"{nimg / 1000:g}")
        with Image.open(path, formats=["PNG"]) as picture:
            shown = gr.Image(value=enlarged(picture, SAMPLES_PX), visible=True)
        at = min(int(moment), last)
        return shown, gr.Slider(maximum=max(1, last), value=at, label=label, visible=last > 0)

    def _stop(self, name: str | None) -> None:
        view = watching.look(self._studio.places, name)
        if view and view.job and view.is_busy:
            view.job.stop()
        elif view and view.is_busy:
            raise RunError(self._studio.t("train.stop_there"))

    def _continue(self, name: str | None, minutes: float) -> None:
        """Go on with a run as it was recorded; a finished one gets more minutes."""
        places, view = self._studio.places, watching.look(self._studio.places, name)
        run = places.run(name)
        if view is None or view.is_busy:
            return
        config = run.config
        images = str(config["images"])
        # Only asked whether it may be read: the run knows its pictures by the name it was given.
        places.source(images if images in BUILTIN else str(Path(images).absolute()))
        argv = ["train", images, "--run", run.path.name]
        argv += ["--config", str((run.path / "config.json").absolute())]
        if view.state == "done":
            argv += self._longer(view, config, float(minutes))
        folder = jobs.new_folder(places.make("jobs"))
        jobs.submit(folder, argv, runs=places.runs, kind="train", run=run.path.name)

    def _longer(self, view: watching.View, config: dict[str, Any], minutes: float) -> list[str]:
        if config.get("minutes"):
            return ["--minutes", f"{config['minutes'] + minutes:g}"]
        speed = view.stats[-1].get("time/images_per_second") or 0.0 if view.stats else 0.0
        return ["--kimg", f"{config['kimg'] + speed * minutes * 60 / 1000:g}"]

    def _arrive(self) -> Any:
        names = self._studio.runs()
        return gr.Dropdown(choices=names, value=names[0] if names else None)
