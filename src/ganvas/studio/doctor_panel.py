"""The doctor in the Train tab: how a run is doing, in words and one picture."""

import functools
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from ganvas.studio.drawing import note
from ganvas.studio.shared import HEAVY, Studio, Updates

if TYPE_CHECKING:
    from ganvas.training.doctor import Diagnosis


def build(studio: Studio, run: gr.Dropdown) -> None:
    """Lay out the panel; it speaks of the chosen run when it is asked."""
    t = studio.t
    with gr.Accordion(t("doctor.title"), open=False, elem_id="doctor"):
        ask = gr.Button(t("doctor.ask"), elem_id="ask-doctor")
        said = gr.HTML()
        picture = gr.Image(
            label=t("doctor.picture"),
            interactive=False,
            visible=False,
            buttons=["download", "fullscreen"],
        )
    ask.click(
        studio.told(functools.partial(_ask, studio)),
        run,
        [said, picture],
        concurrency_id=HEAVY,
        api_visibility="private",
    )
    run.input(
        lambda: ("", gr.Image(visible=False)), None, [said, picture], api_visibility="private"
    )


def _ask(studio: Studio, name: str | None) -> Updates:
    from ganvas.training.chart import draw_chart
    from ganvas.training.doctor import diagnose

    run = studio.places.run(name or next(iter(studio.runs()), None))
    path = studio.places.make("pictures") / f"doctor-{run.path.name}.png"
    draw_chart(run, path)
    return in_words(diagnose(run)), gr.Image(value=str(path), visible=True)


def in_words(found: "Diagnosis") -> str:
    """The verdict, what was found with its evidence, and what to do."""
    healthy = found.verdict in ("healthy", "recovered")
    rows = "".join(
        f"<li>{escape(' '.join([one.sentence, *one.evidence, *one.actions]))}</li>"
        for one in found.findings
    )
    rest = "".join(f"<p>{escape(text)}</p>" for text in (found.losses, found.pictures))
    told = note(f"{Path(found.run).name}: {found.headline}", "good" if healthy else "hint")
    return f"{told}<ul>{rows}</ul>{rest}{note(found.advice)}"
