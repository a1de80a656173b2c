"""The Generate tab: pictures from seeds, favourites with names, downloads."""

import functools
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from PIL import Image

import ganvas
from ganvas.core.errors import ConfigError, DataError, GanvasError
from ganvas.core.files import write_json
from ganvas.latent.seeds import parse_seeds
from ganvas.studio import jobs
from ganvas.studio.places import slug
from ganvas.studio.shared import HEAVY, Studio, Updates, enlarged

if TYPE_CHECKING:
    from ganvas.models.base import Generator

MOST_SEEDS = 100
SHOWN_PX = 384
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
IN_TURN = PRIVATE | {"concurrency_id": "made", "concurrency_limit": 1}
"""One after the other: what is kept or painted is what was chosen before."""


@dataclass(frozen=True, eq=False)
class Made:
    """Pictures on the page, and what they were made with."""

    pictures: tuple[Image.Image, ...]
    notes: tuple[dict[str, Any], ...]
    """run, seed, psi and label of each."""
    picked: int = 0


@dataclass(frozen=True)
class Handles:
    """What the page connects with the Style tab and with what is below the favourites."""

    made: gr.State
    paint: gr.Button
    run: gr.Dropdown
    wishes: list[Any]
    """Variety and class."""
    favourites: gr.Gallery
    arrive: Callable[[], Any]


@dataclass(frozen=True)
class Detail:
    """The chosen picture, and what can be done with it."""

    box: gr.Row
    picture: gr.Image
    name: gr.Textbox
    keep: gr.Button
    paint: gr.Button


def build(page: gr.Blocks, studio: Studio) -> Handles:
    """Lay out the tab and say what happens when."""
    t, told = studio.t, studio.told
    made = gr.State(None)
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=270):
            run, wishes, make = _choose_settings(studio)
        with gr.Column(scale=7, min_width=270):
            studio.step(2, "generate.pictures")
            gallery = _gallery(t("generate.gallery"), "made")
            everything = gr.DownloadButton(t("generate.download"), visible=False)
    detail = _show_detail(studio)
    shelf = _show_favourites(page, studio, made, detail)
    make.click(
        told(functools.partial(_make, studio)),
        [run, *wishes],
        [made, gallery, detail.box, detail.picture, everything],
        concurrency_id=HEAVY,
        **PRIVATE,
    )
    gallery.select(_pick, made, [made, detail.picture], trigger_mode="multiple", **IN_TURN)
    detail.keep.click(
        told(functools.partial(_keep, studio)),
        [made, detail.name],
        [shelf, detail.name],
        **IN_TURN,
    )
    arrive = functools.partial(_arrive, studio)
    page.load(arrive, None, run, **PRIVATE)
    return Handles(made, detail.paint, run, wishes[1:], shelf, arrive)


def _choose_settings(studio: Studio) -> tuple[gr.Dropdown, list[Any], gr.Button]:
    t = studio.t
    studio.step(1, "generate.settings")
    run = gr.Dropdown([], label=t("generate.run"), elem_id="generate-run")
    seeds = gr.Textbox("0-15", label=t("generate.seeds"), info=t("generate.seeds_info"))
    psi = gr.Slider(0.1, 1.5, 1, step=0.05, label=t("generate.psi"), info=t("generate.psi_info"))
    label = gr.Dropdown([], label=t("generate.label"), visible=False)
    make = gr.Button(t("generate.make"), variant="primary", size="lg", elem_id="generate")
    run.change(studio.told(functools.partial(_labels, studio)), run, label, **PRIVATE)
    return run, [seeds, psi, label], make


def _show_detail(studio: Studio) -> Detail:
    t = studio.t
    with gr.Row(visible=False, equal_height=False) as box:
        with gr.Column(scale=3, min_width=270):
            picture = gr.Image(
                label=t("generate.chosen"),
                interactive=False,
                buttons=["download", "fullscreen"],
                height=320,
                elem_id="chosen",
            )
        with gr.Column(scale=7, min_width=270):
            name = gr.Textbox(label=t("generate.name"), max_lines=1, max_length=60)
            with gr.Row():
                keep = gr.Button(t("generate.keep"), elem_id="keep")
                paint = gr.Button(t("generate.paint"), elem_id="paint-it")
    return Detail(box, picture, name, keep, paint)


def _show_favourites(page: gr.Blocks, studio: Studio, made: gr.State, detail: Detail) -> gr.Gallery:
    t, told = studio.t, studio.told
    kept = gr.State(None)
    with gr.Accordion(t("generate.favourites"), open=True):
        gallery = _gallery(t("generate.favourites_info"), "favourites")
        forget = gr.Button(t("generate.forget"), size="sm", interactive=False)

    def show(event: gr.SelectData) -> Updates:
        path = favourites(studio)[int(event.index)]
        notes = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        with Image.open(path, formats=["PNG"]) as picture:
            one = Made((picture.copy(),), (notes,))
        key = str(path.relative_to(studio.places.home))
        can_forget = gr.Button(interactive=True)
        return key, one, gr.Row(visible=True), _large(one), notes["name"], can_forget

    outputs = [kept, made, detail.box, detail.picture, detail.name, forget]
    gallery.select(told(show), None, outputs, trigger_mode="multiple", **IN_TURN)
    forget.click(told(functools.partial(_forget, studio)), kept, [gallery, forget], **IN_TURN)
    page.load(lambda: _shelf(studio), None, gallery, **PRIVATE)
    return gallery


def chosen_picture(studio: Studio, made: Made | None) -> Path:
    """Write the chosen picture where the Style tab can read it."""
    if made is None:
        raise DataError(studio.t("generate.none"))
    path = studio.places.make("pictures") / f"{_title(made.notes[made.picked])}.png"
    _large(made).save(path)
    return path


def _gallery(label: str, elem_id: str) -> gr.Gallery:
    return gr.Gallery(
        label=label,
        columns=8,
        height="auto",
        allow_preview=False,
        object_fit="contain",
        buttons=[],
        elem_id=elem_id,
    )


def _make(studio: Studio, run: str | None, seeds: str, psi: float, label: str | None) -> Updates:
    numbers = parse_seeds(seeds)
    if len(numbers) > MOST_SEEDS:
        raise ConfigError(studio.t("generate.too_many", n=MOST_SEEDS))
    # The page may be quicker than the list of trainings that it waits for.
    run = run or next(iter(studio.trained()), None)
    G = load_newest(studio, run)
    pictures = ganvas.generate(G, numbers, psi=float(psi), label=label or None)
    notes = [{"run": run, "seed": seed, "psi": psi, "label": label or None} for seed in numbers]
    made = Made(tuple(pictures), tuple(notes))
    cells = [(enlarged(one, 128), str(seed)) for one, seed in zip(pictures, numbers, strict=True)]
    archive = studio.places.make("pictures") / f"{run}.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for note, picture in zip(notes, pictures, strict=True):
            with packed.open(f"{_title(note)}.png", "w") as file:
                picture.save(file, "PNG")
    return (
        made,
        gr.Gallery(value=cells, selected_index=None),
        gr.Row(visible=True),
        _large(made),
        gr.DownloadButton(value=str(archive), visible=True),
    )


def load_newest(studio: Studio, run: str | None) -> "Generator":
    """Return a run's generator as it is now. Raises GanvasError where there is none yet."""
    path = studio.places.run(run).path / "generator.safetensors"
    if not path.is_file():
        raise GanvasError(studio.t("generate.not_yet"))
    return _generator(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _generator(path: Path, mtime_ns: int) -> "Generator":  # noqa: ARG001
    G: Generator = ganvas.load_generator(path)
    return G


def _labels(studio: Studio, run: str | None) -> Any:
    data = studio.places.run(run).environment.get("data", {}) if run else {}
    names = data.get("class_names", [])
    choices = [(studio.t("generate.any_label"), ""), *((name, name) for name in names)]
    return gr.Dropdown(choices=choices, value="", visible=bool(names))


def _pick(made: Made, event: gr.SelectData) -> tuple[Made, Image.Image]:
    one = replace(made, picked=int(event.index))
    return one, _large(one)


def _large(made: Made) -> Image.Image:
    return enlarged(made.pictures[made.picked], SHOWN_PX)


def _title(note: dict[str, Any]) -> str:
    return f"{note['run']}-seed{note['seed']:04d}"


def _keep(studio: Studio, made: Made | None, name: str) -> Updates:
    if made is None:
        raise DataError(studio.t("generate.none"))
    note = made.notes[made.picked]
    name = name.strip()[:60] or _title(note)
    folder = jobs.new_folder(studio.places.make("favourites"))
    made.pictures[made.picked].save(folder / f"{slug(name)}.png")
    write_json(folder / f"{slug(name)}.json", note | {"name": name})
    return _shelf(studio), ""


def favourites(studio: Studio) -> list[Path]:
    """List the kept pictures; beside each lies what it was made with."""
    return sorted(studio.places.make("favourites").glob("*/*.png"))


def _shelf(studio: Studio) -> list[tuple[Image.Image, str]]:
    shelf = []
    for path in favourites(studio):
        name = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["name"]
        with Image.open(path, formats=["PNG"]) as picture:
            shelf.append((enlarged(picture, 128), name))
    return shelf


def _forget(studio: Studio, kept: str | None) -> Updates:
    for path in favourites(studio):
        if str(path.relative_to(studio.places.home)) == kept:
            path.with_suffix(".json").unlink()
            path.unlink()
            path.parent.rmdir()
    return gr.Gallery(value=_shelf(studio), selected_index=None), gr.Button(interactive=False)


def _arrive(studio: Studio) -> Any:
    names = studio.trained()
    return gr.Dropdown(choices=names, value=names[0] if names else None)
