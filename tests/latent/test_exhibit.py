"""The page of a run holds everything it shows, and nothing that it should not."""

import base64
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from ganvas.core.errors import RunError
from ganvas.latent.export.api import export
from ganvas.runs.folder import RunFolder

CARD = """# cats

![grid](samples/000001kimg.png) ![spy](https://spy.example/pixel.png)

| Data set | <script>alert(1)</script> |
|---|---|
| Loss | **bce** |

## Licence

[mine](javascript:alert(1)), CC BY 4.0
"""


class Page(HTMLParser):
    """Collects what a browser would load or run, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = RunFolder.create(tmp_path / "runs", "<cats>", "x")
    made.write_config({"format": 1, "images": "/home/somebody/secret"})
    for k in range(30):
        Image.new("RGB", (32, 32), (8 * k, 0, 0)).save(made.samples_path(1000 * k))
        made.append_stats({"nimg": 1000 * (k + 1), "loss/d": 2.0 - k / 30, "loss/g": float("nan")})
        made.append_metrics({"nimg": 1000 * (k + 1), "metric/kid_vgg19": 1 / (k + 1)})
    (made.path / "README.md").write_text(CARD)
    Image.new("RGB", (4, 4)).save(made.path / "reals.png")
    return made


def page_of(run: RunFolder) -> Page:
    out = run.path / "exhibit.html"
    done = export(run.path, out)
    assert done.num_bytes == out.stat().st_size
    return Page(out.read_text())


def test_the_pictures_are_those_of_the_samples_in_order(run: RunFolder) -> None:
    shown = page_of(run).all("img")
    assert len(shown) == 24
    assert (shown[0]["alt"], shown[-1]["alt"]) == (
        "Pictures made after 0.0 kimg",
        "Pictures made after 29.0 kimg",
    )
    reds = []
    for one in shown:
        kind, _, data = str(one["src"]).partition(",")
        assert kind == "data:image/webp;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert picture.size == (32, 32)
            reds.append(picture.convert("RGB").getpixel((16, 16))[0])
    assert reds == sorted(reds)
    assert reds[-1] > 200


def test_nothing_is_asked_of_any_server_and_no_stranger_runs_code(run: RunFolder) -> None:
    page = page_of(run)
    for tag, attributes in page.tags:
        assert str(attributes.get("src", "data:")).startswith("data:"), tag
        assert not str(attributes.get("href", "")).startswith("javascript:")
    assert not page.all("link")
    assert len(page.all("script")) == 1, "the card's tags are shown as text"
    assert "<script>alert(1)</script>" in page.text
    (policy,) = [one["content"] for one in page.all("meta") if "http-equiv" in one]
    assert str(policy).startswith("default-src 'none'")
    assert "secret" not in page.text


def test_the_card_and_the_curves_are_there(run: RunFolder) -> None:
    page = page_of(run)
    assert page.text.count("<cats>") == 2, "the title and one heading"
    for part in ("Licence", "CC BY 4.0", "bce", "Kernel distance", "0 to 30.0 kimg"):
        assert part in page.text
    # The losses are left out: one of them was never finite.
    (curve,) = page.all("polyline")
    points = [tuple(map(float, point.split(","))) for point in str(curve["points"]).split()]
    assert (points[0], points[-1]) == ((18.7, 0.0), (560.0, 174.0))


def test_a_run_without_pictures_or_card(tmp_path: Path) -> None:
    made = RunFolder.create(tmp_path / "runs", "new", "x")
    made.write_config({"format": 1})
    with pytest.raises(RunError, match="no sample grids yet"):
        export("new", tmp_path / "a.html", root=tmp_path / "runs")
    Image.new("L", (8, 8)).save(made.samples_path(0))
    page = page_of(made)
    assert "There is no card yet" in page.text
    assert not page.all("svg")
