"""The Learn tab: the lesson with experiments that run, words explained, a quiz before and after."""

import functools
from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from ganvas.studio.drawing import curves, network, note, scatter
from ganvas.studio.shared import HEAVY, Studio
from ganvas.studio.style_tab import BUILTIN

DRAWN = {"dcgan": 64, "mlp": 32}
DUELS = {"duel": ("healthy",), "collapse": ("collapse", "cured"), "balance": ("upset", "mended")}
PAINTINGS = ("content", "style", "both")
REACH = 0.65
BUTTONS = {"collapse": "cause"}
"""A key of the strings, where the chapter has the name already."""


def build(studio: Studio) -> None:
    """Lay out the chapters."""
    t = studio.t
    first_score = gr.State(None)
    with gr.Tabs(overflow_behavior="wrap"):
        with gr.Tab(t("learn.before")):
            _quiz(studio, first_score, is_last=False)
        with gr.Tab(t("learn.networks.title")):
            _chapter(studio, "networks")
            _networks(studio)
        with gr.Tab(t("learn.duel.title")):
            _chapter(studio, "duel")
            _duel(studio, "duel")
        with gr.Tab(t("learn.collapse.title")):
            _chapter(studio, "collapse")
            _duel(studio, "collapse")
        with gr.Tab(t("learn.balance.title")):
            _chapter(studio, "balance")
            _duel(studio, "balance")
            _chapter(studio, "more")
        with gr.Tab(t("learn.style.title")):
            _chapter(studio, "style")
            _paint(studio)
        with gr.Tab(t("learn.words")):
            rows = "".join(
                f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>"
                for term, text in t.find("glossary")
            )
            gr.HTML(f'<dl class="glossary">{rows}</dl>')
        with gr.Tab(t("learn.after")):
            _quiz(studio, first_score, is_last=True)


def _chapter(studio: Studio, key: str) -> None:
    gr.Markdown(studio.t(f"learn.{key}.text"), elem_classes="chapter")


def _networks(studio: Studio) -> None:
    t = studio.t
    gr.HTML(_cycle(studio))
    arch = gr.Radio(t.choices("arch", tuple(DRAWN)), label=t("learn.draw"))
    drawing = gr.HTML()

    def draw(name: str) -> str:
        from ganvas.studio.experiments import layers

        shapes = layers(name, DRAWN[name])
        named = {
            part: [(t(f"layer.{kind}"), shape) for kind, shape in found]
            for part, found in shapes.items()
        }
        return network(
            t("learn.generator"), named["G"], first=t("learn.noise"), last=t("learn.picture")
        ) + network(
            t("learn.discriminator"), named["D"], first=t("learn.picture"), last=t("learn.verdict")
        )

    arch.input(studio.told(draw), arch, drawing, concurrency_id=HEAVY, api_visibility="private")


def _cycle(studio: Studio) -> str:
    """The diagram of the two networks, in boxes that a screen reader reads in order."""
    t = studio.t
    boxes = [
        ("z", t("learn.noise")),
        ("G", t("learn.generator")),
        ("", t("learn.fake")),
        ("D", t("learn.discriminator")),
        ("?", t("learn.verdict")),
    ]
    row = "<span aria-hidden='true'>→</span>".join(
        f'<div class="{"net" if mark in ("G", "D") else "thing"}"><b>{mark}</b>{escape(name)}</div>'
        for mark, name in boxes
    )
    real = (
        f'<div class="thing real">{escape(t("learn.real"))} <span aria-hidden="true">↗</span></div>'
    )
    return f'<div class="cycle">{row}</div><div class="cycle second">{real}</div>'


def _duel(studio: Studio, key: str) -> None:
    t, kinds = studio.t, DUELS[key]
    with gr.Row():
        buttons = [
            gr.Button(
                t(f"learn.{BUTTONS.get(kind, kind)}"),
                variant="primary" if n == 0 else "secondary",
                elem_id=f"duel-{kind}",
            )
            for n, kind in enumerate(kinds)
        ]
    with gr.Row(equal_height=False):
        picture = gr.HTML(min_height=120)
        with gr.Column():
            said, lines = gr.HTML(note(t("learn.press"))), gr.HTML()
    for kind, button in zip(kinds, buttons, strict=True):
        button.click(
            functools.partial(_fight, studio, kind),
            None,
            [picture, said, lines],
            concurrency_id=HEAVY,
            show_progress="hidden",
            api_visibility="private",
        )


def _fight(studio: Studio, kind: str) -> Iterator[tuple[str, str, str]]:
    from ganvas.studio.experiments import MODES, STEPS, Ring, duel

    t, real = studio.t, Ring(600).points.tolist()
    curve: dict[str, list[tuple[float, float | None]]] = {"d": [], "g": [], "accuracy": []}
    for frame in duel(kind):
        for name, value in (("d", frame.loss_d), ("g", frame.loss_g), ("accuracy", frame.accuracy)):
            curve[name].append((frame.step, value))
        spoken = t("learn.found", found=frame.found, of=MODES, step=frame.step)
        last = frame.step == STEPS
        said = note(spoken, "hint") + (note(t(f"learn.{kind}_said")) if last else "")
        losses = {t("curve.d"): curve["d"], t("curve.g"): curve["g"]}
        verdicts = {t("curve.accuracy"): curve["accuracy"]}
        yield (
            scatter(real, frame.points, reach=REACH, spoken=spoken),
            said,
            curves(t("chart.loss"), losses, unit=t("learn.steps"))
            + curves(t("chart.accuracy"), verdicts, unit=t("learn.steps"), top=1.0),
        )


def _paint(studio: Studio) -> None:
    t = studio.t
    with gr.Row():
        for name, file in (("photo.cat", "cat"), ("painting.flow", "flow")):
            gr.Image(
                str(BUILTIN / f"{file}.jpg"),
                label=t(name),
                height=180,
                interactive=False,
                buttons=[],
            )
        result = gr.Image(label=t("learn.result"), height=180, interactive=False, buttons=[])
    said = gr.HTML(note(t("learn.press")))
    with gr.Row():
        for kind in PAINTINGS:
            button = gr.Button(t(f"learn.only_{kind}"), elem_id=f"paint-{kind}")
            button.click(
                functools.partial(_brush, studio, kind),
                None,
                [result, said],
                concurrency_id=HEAVY,
                show_progress="hidden",
                api_visibility="private",
            )


def _brush(studio: Studio, kind: str) -> Iterator[tuple[Any, str]]:
    from ganvas.studio.experiments import paint

    t = studio.t
    for share, picture in paint(kind, BUILTIN / "cat.jpg", BUILTIN / "flow.jpg"):
        done = share == 1
        yield picture, note(t(f"learn.only_{kind}_said") if done else f"{share:.0%}")


def _quiz(studio: Studio, first_score: gr.State, *, is_last: bool) -> None:
    t, questions = studio.t, studio.t.find("quiz")
    gr.Markdown(t("learn.after_text" if is_last else "learn.before_text"), elem_classes="chapter")
    answers, verdicts = [], []
    for number, one in enumerate(questions, start=1):
        choices = [(text, index) for index, text in enumerate(one["answers"])]
        answers.append(
            gr.Radio(choices, label=f"{number}. {one['question']}", elem_classes="list question")
        )
        verdicts.append(gr.HTML())
    check = gr.Button(
        t("learn.check"), variant="primary", elem_id="check-after" if is_last else "check-before"
    )
    total = gr.HTML()

    def judge(before: int | None, *given: int | None) -> list[Any]:
        right = [answer == one["right"] for answer, one in zip(given, questions, strict=True)]
        said = [
            note(
                f"{t('learn.right' if good else 'learn.wrong')} {one['why']}",
                "good" if good else "hint",
            )
            for good, one in zip(right, questions, strict=True)
        ]
        score = sum(right)
        text = t("learn.score", n=score, of=len(questions))
        if is_last and before is not None:
            text += " " + t("learn.score_before", n=before)
        return [before if is_last else score, note(text, "good"), *said]

    check.click(
        judge, [first_score, *answers], [first_score, total, *verdicts], api_visibility="private"
    )
