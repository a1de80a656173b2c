"""Below the favourites: a walk through them as a film, and the picture most like a photo."""

import functools
import json
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from ganvas.core import images, pixels
from ganvas.core.errors import ConfigError
from ganvas.studio import uploads
from ganvas.studio.generate_tab import Handles, favourites, load_newest
from ganvas.studio.shared import HEAVY, Studio, enlarged

SHOWN_PX = 256
STEPS = 100
"""Of the search for a photo: half of what the command takes, for somebody waits."""


def build(studio: Studio, tab: Handles) -> None:
    """Lay out both and say what happens when."""
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
    search.click(told(functools.partial(_find, studio)), [tab.run, photo], found, **computing)


def _walk(studio: Studio, chosen: list[str] | None) -> Any:
    from ganvas.latent.walk import walk

    notes = {path.parent.name: _note(path) for path in favourites(studio)}
    stations = [notes[key] for key in chosen or () if key in notes]
    if len(stations) < 2 or len({one["run"] for one in stations}) > 1:
        raise ConfigError(studio.t("walk.two"))
    first = stations[0]
    out = studio.places.make("pictures") / f"walk-{first['run']}-{'-'.join(chosen or ())}.webp"
    seeds = [int(one["seed"]) for one in stations]
    walk(load_newest(studio, first["run"]), seeds, out, psi=first["psi"], label=first["label"])
    return gr.Image(value=str(out), visible=True)


def _find(
    studio: Studio,
    run: str | None,
    photo: str | None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Any:
    from ganvas.latent.project import project_steps, read_target

    G = load_newest(studio, run)
    target = read_target(uploads.photo(photo, studio.places.make("pictures") / "photo.png"), G)
    for step in project_steps(G, target, num_steps=STEPS):
        progress((step.step, STEPS))
    both = np.concatenate([pixels.to_arrays(target), pixels.to_arrays(step.image)])
    pair = Image.fromarray(images.grid(both, columns=2))
    return gr.Image(value=enlarged(pair, 2 * SHOWN_PX), visible=True)


def _note(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return values
