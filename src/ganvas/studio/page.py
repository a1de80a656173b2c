"""The page in one language: the head, four tabs, and what connects them."""

from html import escape
from pathlib import Path

import gradio as gr

from ganvas.studio import generate_tab, latent_panel, learn_tab, style_tab, train_tab
from ganvas.studio.places import Places
from ganvas.studio.shared import Studio
from ganvas.studio.texts import LANGUAGES, Texts

CSS = Path(__file__).with_name("studio.css")
CLEAN_SECONDS = 3600, 24 * 3600
"""Every hour, files that the page was sent a day ago are deleted."""
LARGE_PX = 1024
QUEUE_SECONDS = 0.15
PROGRESS_SECONDS = 0.5


def build(places: Places, language: str) -> gr.Blocks:
    """Make the page; every visitor has a state of their own, what matters is on disk."""
    studio = Studio(places, Texts(language))
    t = studio.t
    page: gr.Blocks
    with gr.Blocks(
        title="ganvas studio", analytics_enabled=False, delete_cache=CLEAN_SECONDS, fill_width=True
    ) as page:
        gr.HTML(_head(t), elem_id="head")
        with gr.Tabs(elem_id="main", overflow_behavior="wrap") as tabs:
            with gr.Tab(t("tab.train"), id="train"):
                train_tab.build(page, studio)
            with gr.Tab(t("tab.generate"), id="generate") as generating:
                made = generate_tab.build(page, studio)
                latent_panel.build(studio, made)
            with gr.Tab(t("tab.style"), id="style"):
                style = style_tab.build(page, studio)
            with gr.Tab(t("tab.learn"), id="learn"):
                learn_tab.build(studio)
        generating.select(made.arrive, None, made.run, api_visibility="private")
        made.paint.click(
            studio.told(
                lambda one: (
                    str(generate_tab.chosen_picture(studio, one)),
                    LARGE_PX,
                    gr.Tabs(selected="style"),
                )
            ),
            made.made,
            [style.photo, style.size, tabs],
            **generate_tab.IN_TURN,
        )
    page.queue(max_size=32, default_concurrency_limit=4, api_open=False)
    # Gradio looks for work a thousand times a second: 3 % of a core for nothing.
    page._queue.sleep_when_free = QUEUE_SECONDS
    page._queue.progress_update_sleep_when_free = PROGRESS_SECONDS
    return page


def theme() -> gr.Theme:
    """Colours, and the fonts that every system has: nothing is fetched."""
    system = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    return gr.themes.Base(
        primary_hue=gr.themes.colors.indigo,
        secondary_hue=gr.themes.colors.indigo,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        font=system,
        font_mono=["ui-monospace", "monospace"],
    )


def _head(t: Texts) -> str:
    links = "".join(
        f'<a href="/{code}/" lang="{code}" hreflang="{code}"'
        f"{' aria-current=page' if code == t.language else ''}>{escape(name)}</a>"
        for code, name in LANGUAGES.items()
    )
    return (
        f'<header class="top"><h1><span class="logo" aria-hidden="true"></span>ganvas studio</h1>'
        f"<p>{escape(t('head.line'))}</p>"
        f'<nav aria-label="{escape(t("head.language"))}">{links}</nav></header>'
    )
