"""The Style tab: a photo repainted while you watch."""

import functools
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from ganvas.core import images
from ganvas.core.errors import ConfigError, DataError
from ganvas.studio import jobs, uploads
from ganvas.studio.drawing import note, progress
from ganvas.studio.jobs import Job
from ganvas.studio.shared import HEAVY, Studio
from ganvas.style.config import PRESETS, StyleConfig, complete

PAINTINGS = ("flow", "glass", "woodcut", "wash")
PHOTOS = ("cat", "astronaut")
SIZES = (256, 512, 768, 1024, 1536, 2048)
COLORS = ("none", "match", "luminance")
MASKS = ("none", "protect", "only")
MOST_PAINTINGS = 6
EDITOR_PX = 640
SHOWN_PX = 1024
POLL_SECONDS = 0.7
PREVIEW_STEPS = 10
LARGE_PX = 1024
"""From this size on, previews are written half as often."""
BUILTIN = Path(__file__).parent.parent / "style" / "builtin"


@dataclass(frozen=True)
class Handles:
    """What the page connects with the Generate tab."""

    photo: gr.Image
    size: gr.Radio


def build(page: gr.Blocks, studio: Studio) -> Handles:
    """Lay out the tab and say what happens when."""
    t = studio.t
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=270):
            photo, paintings = _choose_pictures(studio)
            size, wishes = _choose_settings(studio)
            canvas, mask = _choose_mask(studio, photo)
            estimate = gr.HTML()
            start = gr.Button(t("style.start"), variant="primary", size="lg", elem_id="paint")
        with gr.Column(scale=6, min_width=270):
            studio.step(3, "style.result")
            status = gr.HTML(note(t("style.nothing_yet")))
            stop = gr.Button(t("style.stop"), variant="stop", visible=False, elem_id="keep-it")
            result = gr.ImageSlider(
                label=t("style.before_after"),
                interactive=False,
                max_height=620,
                visible=False,
                elem_id="result",
            )
            save = gr.DownloadButton(t("style.download"), visible=False, elem_id="download")
    number, seen = gr.State(None), gr.State(None)
    timer = gr.Timer(POLL_SECONDS, active=False)
    watched = [number, seen], [seen, status, result, stop, save, timer]
    given = [photo, *paintings, size, *wishes, canvas, mask]
    look = functools.partial(_look_at, studio)
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    start.click(
        studio.told(functools.partial(_start, studio)), given, [number, seen], **quiet
    ).success(look, *watched, **quiet)
    timer.tick(look, *watched, **quiet)
    stop.click(lambda one: _job(studio, one).stop() if one else None, number, None, **quiet)
    page.load(lambda: _newest(studio), None, number, **quiet).then(look, *watched, **quiet)
    gr.on(
        [photo.change, size.change],
        studio.told(functools.partial(_estimate, studio)),
        [photo, size],
        estimate,
        concurrency_id=HEAVY,
        **quiet,
    )
    return Handles(photo, size)


def _choose_pictures(studio: Studio) -> tuple[gr.Image, list[Any]]:
    t = studio.t
    studio.step(1, "style.pictures")
    photo = gr.Image(
        label=t("style.photo"),
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard"],
        height=230,
        buttons=[],
        elem_id="photo",
    )
    with gr.Row():
        for name in PHOTOS:
            example = gr.Button(t(f"photo.{name}"), size="sm", min_width=90)
            example.click(
                functools.partial(str, BUILTIN / f"{name}.jpg"),
                None,
                photo,
                api_visibility="private",
            )
    built_in = gr.CheckboxGroup(
        t.choices("painting", PAINTINGS),
        value=["flow"],
        label=t("style.paintings"),
        elem_id="styles",
    )
    shown = gr.Gallery(
        [(str(BUILTIN / f"{name}.jpg"), t(f"painting.{name}")) for name in PAINTINGS],
        label=t("style.paintings_info"),
        columns=4,
        height=150,
        allow_preview=False,
        object_fit="cover",
        buttons=[],
    )
    own = gr.File(
        label=t("style.own"),
        file_count="multiple",
        file_types=[one for one in uploads.UPLOADS if one != ".zip"],
        height=140,
        elem_id="own-styles",
    )

    def toggle(chosen: list[str], event: gr.SelectData) -> list[str]:
        name = PAINTINGS[int(event.index)]
        return [one for one in PAINTINGS if (one in chosen) != (one == name)]

    shown.select(toggle, built_in, built_in, api_visibility="private", show_progress="hidden")
    return photo, [built_in, own]


def _choose_settings(studio: Studio) -> tuple[gr.Radio, list[Any]]:
    t = studio.t
    studio.step(2, "style.settings")
    strength = gr.Slider(
        0, 1, 1, step=0.05, label=t("style.strength"), info=t("style.strength_info")
    )
    scale = gr.Slider(0.25, 4, 1, step=0.05, label=t("style.scale"), info=t("style.scale_info"))
    size = gr.Radio([(f"{px} px", px) for px in SIZES], value=512, label=t("style.size"))
    preset = gr.Radio(t.choices("quality", tuple(PRESETS)), value="draft", label=t("style.preset"))
    colors = gr.Radio(t.choices("colors", COLORS), value="none", label=t("style.colors"))
    return size, [strength, scale, preset, colors]


def _choose_mask(studio: Studio, photo: gr.Image) -> tuple[gr.ImageEditor, gr.Radio]:
    t = studio.t
    with gr.Accordion(t("style.mask"), open=False, elem_id="mask-box"):
        use = gr.Radio(t.choices("mask", MASKS), value="none", label=t("style.mask_use"))
        canvas = gr.ImageEditor(
            label=t("style.brush"),
            type="pil",
            image_mode="RGBA",
            sources=(),
            transforms=(),
            layers=False,
            brush=gr.Brush(default_size=36, colors=["#e11d48"], color_mode="fixed"),
            height=380,
            buttons=[],
            elem_id="mask",
        )

    def lay_out(file: str | None) -> Image.Image | None:
        return None if file is None else _small(file, EDITOR_PX)

    photo.change(
        studio.told(lay_out), photo, canvas, api_visibility="private", show_progress="hidden"
    )
    return canvas, use


def _start(
    studio: Studio,
    photo: str | None,
    built_in: Sequence[str],
    own: Sequence[str] | None,
    size: int,
    strength: float,
    scale: float,
    preset: str,
    colors: str,
    canvas: dict[str, Any] | None,
    mask: str,
) -> tuple[str, None]:
    t, places = studio.t, studio.places
    if photo is None:
        raise DataError(t("style.no_photo"))
    if not built_in and not own:
        raise DataError(t("style.no_painting"))
    if len(built_in) + len(own or ()) > MOST_PAINTINGS:
        raise ConfigError(t("style.too_many", n=MOST_PAINTINGS))
    wanted = {
        "size": size,
        "strength": strength,
        "style_scale": scale,
        "preset": preset,
        "keep_colors": colors,
    }
    config = complete(wanted)
    folder = jobs.new_folder(places.make("jobs"))
    try:
        content = uploads.photo(photo, folder / "photo.png")
        paintings = [f"builtin:{name}" for name in built_in if name in PAINTINGS]
        for index, file in enumerate(own or ()):
            paintings.append(str(uploads.photo(file, folder / f"painting-{index}.png")))
        masking = _write_mask(studio, canvas, mask, folder / "mask.png")
    except DataError:
        shutil.rmtree(folder)
        raise
    argv = ["stylize", str(content), *paintings, "-o", str(folder / "out.png"), *masking]
    for name, value in wanted.items():
        argv += [f"--{name.replace('_', '-')}", str(value)]
    every = PREVIEW_STEPS * (2 if size > LARGE_PX else 1)
    argv += ["--save-steps", str(every)]
    work = _work(content, config)
    jobs.submit(folder, argv, runs=places.runs, kind="style", work=work)
    return folder.name, None


def _write_mask(studio: Studio, canvas: dict[str, Any] | None, use: str, target: Path) -> list[str]:
    """Turn what was brushed into a protect mask, white where the photo stays."""
    if use == "none":
        return []
    layers = [np.asarray(one.convert("RGBA"))[..., 3] > 0 for one in (canvas or {})["layers"]]
    if not any(layer.any() for layer in layers):
        raise DataError(studio.t("style.no_brush"))
    brushed = np.any(layers, axis=0)
    kept = brushed if use == "protect" else ~brushed
    Image.fromarray(kept).convert("L").save(target)
    return ["--protect", str(target)]


def _work(content: Path, config: StyleConfig) -> list[list[int]]:
    """Pixels and steps of each scale, to tell how far a step is."""
    from ganvas.style.inputs import gather
    from ganvas.style.steps import plan

    todo = plan(gather(content, "builtin:flow", (), None), config)
    return [[one.height * one.width, one.steps] for one in todo.scales]


def _estimate(studio: Studio, photo: str | None, size: int) -> str:
    """Say before the start how large the result is, and what it takes."""
    if photo is None:
        return ""
    from ganvas.style.inputs import gather
    from ganvas.style.steps import plan
    from ganvas.style.tiles import free_bytes

    todo = plan(gather(photo, "builtin:flow", (), None), complete({"size": size}))
    last, free = todo.scales[-1], free_bytes(todo.device)
    values = {
        "width": last.width,
        "height": last.height,
        "needed": f"{todo.needed_bytes / 1e9:.1f}",
        "free": f"{free / 1e9:.1f}",
    }
    tight = todo.needed_bytes > free
    return note(studio.t("style.estimate", **values), "bad" if tight else "hint")


def _job(studio: Studio, number: str) -> Job:
    """Return a job of this page; a number is all that a browser can choose."""
    found = [job for job in jobs.all_jobs(studio.places.make("jobs")) if job.path.name == number]
    if not found:
        raise DataError(studio.t("error.unexpected"))
    return found[0]


def _newest(studio: Studio) -> str | None:
    painted = jobs.all_about(studio.places.make("jobs"), kind="style")
    return painted[-1].path.name if painted else None


def _look_at(studio: Studio, number: str | None, seen: Any) -> Any:
    """Show the newest preview; where nothing is new, the page is left alone."""
    if number is None:
        return [gr.skip()] * 6
    t, job = studio.t, _job(studio, number)
    state, (step, preview) = job.state, _preview(job)
    mark = (number, state, preview and preview.name)
    if mark == seen:
        return [gr.skip()] * 6
    busy = state in ("waiting", "running")
    share = 1.0 if state == "done" else _share(job.about["work"], step)
    bar = progress(
        t,
        title=t("style.painting"),
        share=share,
        facts=_facts(studio, job, state, share),
        state=state,
    )
    if state == "failed":
        bar += note(job.complaint() or t("job.crashed"), "bad")
    pair: Any = gr.skip()
    if preview is not None or seen is None or seen[0] != number:
        before = _small(job.path / "photo.png", SHOWN_PX)
        shown = before if preview is None else _like(before, preview)
        pair = gr.ImageSlider(value=(before, shown), visible=True)
    if preview is not None and not busy:
        target = studio.places.make("pictures") / f"painting-{number}.png"
        if not target.exists():
            shutil.copyfile(preview, target)
        # Of one that was killed they are all there is.
        for old in job.path.glob("out-*.png") if state != "failed" else ():
            old.unlink()
        download: Any = gr.DownloadButton(value=str(target), visible=True)
    else:
        download = gr.DownloadButton(visible=False)
    return mark, bar, pair, gr.Button(visible=busy), download, gr.Timer(active=busy)


def _preview(job: Job) -> tuple[int, Path | None]:
    """The newest picture: its step, and its file."""
    steps = {int(one.stem.removeprefix("out-")): one for one in job.path.glob("out-*.png")}
    newest = max(steps, default=0)
    out = job.path / "out.png"
    if out.exists() and (job.state in ("done", "stopped") or not steps):
        return newest, out
    return newest, steps.get(newest)


def _share(work: list[list[int]], step: int) -> float:
    total, done, left = sum(pixels * steps for pixels, steps in work), 0, step
    for pixels, steps in work:
        done += pixels * min(left, steps)
        left = max(0, left - steps)
    return done / total


def _facts(studio: Studio, job: Job, state: str, share: float) -> list[str]:
    t = studio.t
    if state == "waiting":
        return [t("job.waits")]
    if state != "running":
        return []
    if share == 0:
        return [t("style.preparing")]
    spent = time.time() - (job.path / "started").stat().st_mtime
    return [t("train.time_left", time=t.duration(spent / share - spent))]


def _small(file: str | Path, px: int) -> Image.Image:
    picture = images.read(Path(file), max_megapixels=uploads.MAX_MEGAPIXELS, at_least_px=px)
    small = Image.fromarray(images.over(picture, "#ffffff"))
    small.thumbnail((px, px))
    return small


def _like(before: Image.Image, preview: Path) -> Image.Image:
    """Bring a preview, which may be small yet, to the size of the photo beside it."""
    with Image.open(preview, formats=["PNG"]) as picture:
        return picture.convert("RGB").resize(before.size, Image.Resampling.BICUBIC)
