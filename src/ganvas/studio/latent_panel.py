"""Below the favourites: walks through them, mixtures, and the picture most like a photo."""

import functools
import json
import tempfile
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from ganvas.core import images
from ganvas.core.errors import ConfigError, DataError
from ganvas.latent.seeds import parse_seeds
from ganvas.models import registry
from ganvas.studio import uploads
from ganvas.studio.drawing import note
from ganvas.studio.generate_tab import IN_TURN, Handles, Made, favourites, load_newest
from ganvas.studio.shared import HEAVY, Studio, Updates, enlarged

SHOWN_PX = 256
MIX_PX = 768
MOST_MIXED = 8
"""Pictures on either side."""
STEPS = 100
"""Of the search for a photo: half of what the command takes, for somebody waits."""


def build(studio: Studio, tab: Handles) -> None:
    """Lay out all three and say what happens when."""
    t, told = studio.t, studio.told
    computing: dict[str, Any] = {"concurrency_id": HEAVY, "api_visibility": "private"}
    with gr.Row(equal_height=False):
        with gr.Column(min_width=270), gr.Accordion(t("walk.title"), open=False, elem_id="walk"):
            stations = gr.Dropdown([], multiselect=True, label=t("walk.stations"))
            go = gr.Button(t("walk.go"), elem_id="walk-go")
            film = gr.Image(
                label=t("walk.film"),
                interactive=False,
                visible=False,
                buttons=["download"],
                elem_id="film",
            )
        with gr.Column(min_width=270), gr.Accordion(t("find.title"), open=False, elem_id="find"):
            photo = gr.Image(
                label=t("find.photo"),
                type="filepath",
                sources=["upload", "clipboard"],
                height=200,
                buttons=[],
            )
            search = gr.Button(t("find.go"), elem_id="find-go")
            found = gr.Image(
                label=t("find.found"), interactive=False, visible=False, buttons=["download"]
            )

    def offer() -> Any:
        choices = [(_note(path)["name"], path.parent.name) for path in favourites(studio)]
        return gr.Dropdown(choices=choices)

    tab.favourites.change(offer, None, stations, api_visibility="private", show_progress="hidden")
    go.click(told(functools.partial(_walk, studio)), stations, film, **computing)
    _build_mix(studio, tab, computing)
    search.click(told(functools.partial(_find, studio)), [tab.run, photo], found, **computing)


def _walk(studio: Studio, chosen: list[str] | None) -> Any:
    from ganvas.latent.walk import walk

    notes = {path.parent.name: _note(path) for path in favourites(studio)}
    stations = [notes[key] for key in chosen or () if key in notes]
    if len(stations) < 2 or len({one["run"] for one in stations}) > 1:
        raise ConfigError(studio.t("walk.two"))
    run = stations[0]["run"]
    out = studio.places.make("pictures") / f"walk-{run}-{'-'.join(chosen or ())}.webp"
    walk(
        load_newest(studio, run),
        [int(one["seed"]) for one in stations],
        out,
        psi=[one["psi"] for one in stations],
        label=[one["label"] for one in stations],
    )
    return gr.Image(value=str(out), visible=True)


def _build_mix(studio: Studio, tab: Handles, computing: dict[str, Any]) -> None:
    t, told = studio.t, studio.told
    with gr.Accordion(t("mix.title"), open=False, elem_id="mix"):
        why_not = gr.HTML(note(t("mix.why_not")))
        with gr.Column(visible=False) as box:
            gr.HTML(f'<p class="lead">{escape(t("mix.line"))}</p>')
            with gr.Row():
                rows, columns = (_build_side(studio, tab, side) for side in ("rows", "columns"))
            go = gr.Button(t("mix.go"), variant="primary", elem_id="mix-go")
            grid = gr.Image(
                label=t("mix.grid"),
                interactive=False,
                visible=False,
                buttons=["download", "fullscreen"],
                elem_id="mix-grid",
            )

    def offer(run: str | None) -> Updates:
        able = bool(run) and has_styles(studio, run)
        return gr.HTML(visible=not able), gr.Column(visible=able), gr.Image(visible=False)

    tab.run.change(told(offer), tab.run, [why_not, box, grid], api_visibility="private")
    sides = [rows, columns]
    go.click(
        told(functools.partial(_mix, studio)), [tab.run, *tab.wishes, *sides], grid, **computing
    )


def _build_side(studio: Studio, tab: Handles, side: str) -> gr.Dropdown:
    """Seeds to choose or to type, and a button that takes the chosen picture's."""
    t = studio.t
    with gr.Column(min_width=240):
        seeds = gr.Dropdown(
            [str(seed) for seed in range(16)],
            multiselect=True,
            allow_custom_value=True,
            label=t(f"mix.{side}"),
            info=t(f"mix.{side}_info"),
            elem_id=f"mix-{side}",
        )
        add = gr.Button(t("mix.add"), size="sm", elem_id=f"mix-{side}-add")

    def take(run: str | None, made: Made | None, before: list[str] | None) -> list[str]:
        if made is None:
            raise DataError(t("generate.none"))
        chosen = made.notes[made.picked]
        if chosen["run"] != run:
            raise ConfigError(t("mix.other", run=chosen["run"]))
        return list(dict.fromkeys([*(before or ()), str(chosen["seed"])]))

    add.click(studio.told(take), [tab.run, tab.made, seeds], seeds, **IN_TURN)
    return seeds


def has_styles(studio: Studio, run: str | None) -> bool:
    """Whether a run's pictures can be mixed; without loading it."""
    arch = studio.places.run(run).config["model"]["arch"]
    return registry.config_class(arch).has_styles


def _mix(
    studio: Studio,
    run: str | None,
    psi: float,
    label: str | None,
    *sides: list[str] | None,
) -> Any:
    from ganvas.latent.mix import mix

    rows, columns = (parse_seeds(",".join(side)) if side else [] for side in sides)
    if not 0 < len(rows) <= MOST_MIXED or not 0 < len(columns) <= MOST_MIXED:
        raise ConfigError(studio.t("mix.choose", n=MOST_MIXED))
    grid = mix(load_newest(studio, run), rows, columns, psi=float(psi), label=label or None)
    return _kept(studio, f"mix-{run}.png", grid, MIX_PX)


def _kept(studio: Studio, name: str, pixels: np.ndarray, least_px: int) -> Any:
    """Write a grid, enlarged for the screen, where the page can offer it for download."""
    path = studio.places.make("pictures") / name
    images.write_png(path, pixels)
    with Image.open(path, formats=["PNG"]) as picture:
        large = enlarged(picture, least_px)
    large.save(path)
    return gr.Image(value=str(path), visible=True)


def _find(
    studio: Studio,
    run: str | None,
    photo: str | None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Any:
    from ganvas.core import pixels
    from ganvas.latent.project import project_steps, read_target

    G = load_newest(studio, run)
    with tempfile.TemporaryDirectory() as folder:
        target = read_target(uploads.photo(photo, Path(folder, "photo.png")), G)
    for step in project_steps(G, target, num_steps=STEPS):
        progress((step.step, STEPS))
    both = np.concatenate([pixels.to_arrays(target), pixels.to_arrays(step.image)])
    return _kept(studio, f"found-{run}.png", images.grid(both, columns=2), 2 * SHOWN_PX)


def _note(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return values
