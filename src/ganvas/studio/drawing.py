"""Small pictures in SVG that follow the page's colours: curves, points, networks, progress."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from ganvas.studio.texts import Texts

WIDTH, HEIGHT = 480, 150
LEFT, BOTTOM = 40, 22
MOST_POINTS = 160
BOX = 104
"""Room for a layer in the drawing of a network, in pixels."""
Curve = Sequence[tuple[float, float | None]]


def curves(title: str, lines: Mapping[str, Curve], *, unit: str, top: float | None = None) -> str:
    """Draw named curves over one axis; gaps where a value is missing."""
    thinned = {name: _thin(curve) for name, curve in lines.items()}
    points = [(x, y) for curve in thinned.values() for x, y in curve if y is not None]
    if not points:
        return ""
    low = min(0.0, min(y for _, y in points))
    high = max(top or 0.0, *(y for _, y in points), low + 1e-6)
    end = max(max(x for x, _ in points), 1e-6)

    right, floor = WIDTH - 8, HEIGHT - BOTTOM

    def place(x: float, y: float) -> str:
        across = LEFT + (right - LEFT) * x / end
        return f"{across:.1f},{floor - (floor - 10) * (y - low) / (high - low):.1f}"

    scale = f"{end:.4g} {unit}"
    drawn = [
        _text(LEFT - 6, 16, f"{high:.3g}", "end"),
        _text(LEFT - 6, floor, f"{low:.3g}", "end"),
        _text(right, HEIGHT - 6, scale, "end"),
        f'<path class="frame" d="M{LEFT},8V{floor}H{right}"/>',
    ]
    for number, curve in enumerate(thinned.values()):
        for part in _unbroken(curve):
            if len(part) == 1:
                part = part * 2
            path = " ".join(place(x, y) for x, y in part)
            drawn.append(f'<polyline class="curve c{number}" points="{path}"/>')
    names = "".join(
        f'<span class="key c{number}"><i></i>{escape(name)} <b>{_last(curve)}</b></span>'
        for number, (name, curve) in enumerate(lines.items())
    )
    spoken = ", ".join(f"{name} {_last(curve)}" for name, curve in lines.items())
    return (
        f'<figure class="chart"><figcaption><strong>{escape(title)}</strong> {names}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}: '
        f'{escape(spoken)}">{"".join(drawn)}</svg></figure>'
    )


def scatter(
    real: Sequence[Sequence[float]], fake: Sequence[Sequence[float]], *, reach: float, spoken: str
) -> str:
    """Draw real points below and generated ones above, from -reach to reach."""

    def dots(points: Sequence[Sequence[float]], kind: str, radius: float) -> str:
        shown = [p for p in points if abs(p[0]) <= reach and abs(p[1]) <= reach]
        path = "".join(f"M{p[0] / reach * 100:.1f},{-p[1] / reach * 100:.1f}h0" for p in shown)
        return f'<path class="{kind}" d="{path}" stroke-width="{radius}"/>'

    return (
        f'<figure class="chart square"><svg viewBox="-100 -100 200 200" role="img" '
        f'aria-label="{escape(spoken)}">{dots(real, "real", 2.4)}{dots(fake, "fake", 2.4)}</svg>'
        f"</figure>"
    )


def network(
    title: str, layers: Sequence[tuple[str, tuple[int, ...]]], *, first: str, last: str
) -> str:
    """Draw a network as a row of boxes: height for the side of a map, width for its channels."""
    boxes, across = [], BOX / 2
    for name, shape in layers:
        side = shape[1] if len(shape) == 3 else 1
        channels = shape[0]
        height = 14 + 96 * math.log2(side + 1) / math.log2(129)
        width = 8 + 4.2 * math.log2(channels + 1)
        flat = len(shape) == 1
        if flat:
            height, width = 20 + 9 * math.log2(channels + 1), 12
        label = f"{channels}" if flat else f"{channels}×{side}×{side}"
        boxes.append(
            f'<g><title>{escape(name)}: {label}</title><rect class="{"flat" if flat else "map"}" '
            f'x="{across - width / 2:.0f}" y="{78 - height / 2:.0f}" width="{width:.0f}" '
            f'height="{height:.0f}" rx="3"/>{_text(across, 150, label, "middle")}'
            f"{_text(across, 166, name, 'middle')}</g>"
        )
        across += BOX
    wide = across - BOX / 2
    spoken = f"{title}: {first}, " + ", ".join(f"{name} {shape}" for name, shape in layers)
    return (
        f'<figure class="chart wide"><figcaption><strong>{escape(title)}</strong> '
        f"{escape(first)} → {escape(last)}</figcaption><div class='scroll' tabindex='0'>"
        f'<svg viewBox="0 0 {wide:.0f} 176" style="width:{wide:.0f}px" role="img" '
        f'aria-label="{escape(spoken)}">{"".join(boxes)}</svg></div></figure>'
    )


def progress(t: Texts, *, title: str, share: float | None, facts: Sequence[str], state: str) -> str:
    """Draw a bar with what is known beside it; the whole is read aloud when it changes."""
    percent = "" if share is None else f"{math.floor(share * 100)} %"
    bar = (
        '<div class="bar busy"><i></i></div>'
        if share is None
        else f'<div class="bar" role="progressbar" aria-valuenow="{math.floor(share * 100)}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-label="{escape(title)}">'
        f'<i style="width:{share * 100:.1f}%"></i></div>'
    )
    words = "".join(f"<span>{escape(fact)}</span>" for fact in facts if fact)
    return (
        f'<section class="progress {state}" aria-live="polite"><header><strong>{escape(title)}'
        f"</strong><em>{escape(t(f'state.{state}'))}</em><b>{percent}</b></header>"
        f"{bar if state in ('running', 'waiting', 'done', 'stopped') else ''}"
        f'<p class="facts">{words}</p></section>'
    )


def note(text: str, kind: str = "hint") -> str:
    """Draw one sentence in a quiet box: hint, good or bad."""
    role = ' role="alert"' if kind == "bad" else ""
    return f'<p class="note {kind}"{role}>{escape(text)}</p>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"'
    return f'<text class="axis" {place}>{escape(text)}</text>'


def _thin(curve: Curve) -> Curve:
    stride = max(1, math.ceil(len(curve) / MOST_POINTS))
    return [*curve[:-1:stride], *curve[-1:]]


def _unbroken(curve: Curve) -> list[list[tuple[float, float]]]:
    parts: list[list[tuple[float, float]]] = [[]]
    for x, y in curve:
        if y is None:
            parts.append([])
        else:
            parts[-1].append((x, y))
    return [part for part in parts if part]


def _last(curve: Curve) -> str:
    known = [y for _, y in curve if y is not None]
    return f"{known[-1]:.3g}" if known else "–"
