"""An exhibit of a run: one page with everything in it, which asks nothing of any server."""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from markdown_it import MarkdownIt
from PIL import Image

from ganvas.core.files import write_text
from ganvas.latent.timelapse import grids
from ganvas.runs.folder import RunFolder, writing

MAX_FRAMES = 24
MAX_PX = 768
MAX_POINTS = 300
CHART_PX = (560, 180)

CHARTS = {
    "Losses": ("loss/d", "loss/g"),
    "What the discriminator says (logits)": ("logits/real", "logits/fake"),
    "Kernel distance to the real pictures (KID on VGG-19)": ("metric/kid_vgg19",),
    "Fréchet distance to the real pictures (on VGG-19)": ("metric/fd_vgg19",),
}
"""Charts of the page, and the columns of stats.jsonl and metrics.jsonl that they draw."""


def write(run: str | Path, out: Path, *, root: Path) -> None:
    """Write the page. The training pictures are not in it: they may not be ours to show."""
    folder = RunFolder.find(root, str(run))
    frames = grids(folder, max_frames=MAX_FRAMES, max_px=MAX_PX, caption=False)
    template = resources.files(__package__).joinpath("exhibit.html").read_text(encoding="utf-8")
    page = Template(template).substitute(
        title=escape(folder.path.name),
        frames="\n".join(_picture(caption, frame) for caption, frame in frames),
        last=len(frames) - 1,
        charts="\n".join(_charts([*folder.stats(), *folder.metrics()])),
        card=_card(folder.path / "README.md"),
    )
    with writing(out):
        write_text(out, page)


def _picture(caption: str, picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=85)
    data = base64.b64encode(file.getvalue()).decode()
    text = escape(f"Pictures made after {caption}")
    return f'<img alt="{text}" title="{text}" src="data:image/webp;base64,{data}">'


def _card(path: Path) -> str:
    """The model card as HTML. Tags in it are shown as text; pictures are left out."""
    if not path.is_file():
        return "<p>There is no card yet: the run has not reached its first snapshot.</p>"
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("image", lambda *_: "")
    html: str = markdown.render(path.read_text(encoding="utf-8"))
    return re.sub(r"<h1>.*?</h1>\n?", "", html, count=1, flags=re.DOTALL)


def _charts(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    drawn = []
    for title, names in CHARTS.items():
        curves = {name: _points(lines, name) for name in names}
        if all(len(points) > 1 for points in curves.values()):
            drawn.append(_chart(title, curves))
    return drawn


def _points(lines: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    """(kimg, value) where a line has one; JSON's null stands for what was not finite."""
    found = [(line["nimg"] / 1000, line[name]) for line in lines if line.get(name) is not None]
    stride = -(-len(found) // MAX_POINTS) or 1
    return sorted(found[::stride])


def _chart(title: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    every = [point for points in curves.values() for point in points]
    x_end = max(x for x, _ in every) or 1.0
    bottom, top = min(0.0, *(y for _, y in every)), max(y for _, y in every)
    width, height = CHART_PX
    scale = height / ((top - bottom) or 1.0)

    def path(points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{x / x_end * width:.1f},{(top - y) * scale:.1f}" for x, y in points)

    shapes = "".join(
        f'<polyline class="c{index}" points="{path(points)}"/>'
        for index, points in enumerate(curves.values())
    )
    names = " ".join(
        f'<span class="c{index}">{escape(name.rpartition("/")[2])}</span>'
        for index, name in enumerate(curves)
    )
    return (
        f"<figure><figcaption>{escape(title)}: {names}</figcaption>"
        f'<svg viewBox="-4 -4 {width + 8} {height + 8}" role="img">{shapes}</svg>'
        f"<small><span>{bottom:.3g} to {top:.3g}</span><span>0 to {x_end:,.1f} kimg</span></small>"
        "</figure>"
    )
