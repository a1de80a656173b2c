"""A person's whole way through the page, in a real browser: train, generate, paint, learn.

GANVAS_PICTURES=FOLDER also writes screenshots there.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ganvas.data.scan import scan
from ganvas.studio import jobs

playwright = pytest.importorskip(
    "playwright.sync_api", reason="the browser test needs pip install 'ganvas[browser]'"
)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
PATIENCE_MS = 240_000


class Server:
    """`ganvas studio` in a process of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        own = {"GANVAS_CACHE": str(place / "cache"), "GANVAS_RUNS": str(place / "runs")}
        self.environment = os.environ | own
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ganvas", "studio", "--pictures", str(place)],
            cwd=place,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        found = re.search(r"http://\S+", self.process.stdout.readline())
        assert found, "it did not start"
        self.address = found[0]

    def run(self, *command: str) -> None:
        """Run a command as somebody would in a terminal beside it."""
        line = [sys.executable, "-m", "ganvas", *command]
        subprocess.run(line, cwd=self.place, env=self.environment, check=True, capture_output=True)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studio")
    (folder / "mine").mkdir()
    for index, entry in enumerate(scan("builtin:emoji").entries[:40]):
        with entry.open() as stream:
            (folder / "mine" / f"face{index:02d}.png").write_bytes(stream.read())
    # Those of a set of their own come twice, once smaller.
    (folder / "twice").mkdir()
    for face in sorted((folder / "mine").iterdir())[::5]:
        with Image.open(face) as picture:
            picture.save(folder / "twice" / face.name)
            picture.resize((40, 40)).save(folder / "twice" / f"small {face.name}")
    (folder / "mine" / "broken.png").write_bytes(b"this is no picture")
    return folder


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    running = Server(place)
    yield running
    running.kill()
    # Work goes on without the page, also that of a test that failed.
    for job in jobs.all_jobs(place / "runs" / ".studio" / "jobs"):
        job.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def page(server: Server, browser: "playwright.Browser") -> Iterator["playwright.Page"]:
    """The page in English; nothing may be asked of another server."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    shown = context.new_page()
    shown.set_default_timeout(PATIENCE_MS)
    asked: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(server.address)
    shown.get_by_role("button", name="Start training").wait_for()
    yield shown
    context.close()
    own = ("http://127.0.0.1:", "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []


def shoot(page: "playwright.Page", name: str) -> None:
    """Keep a picture of the page where one is wanted."""
    if folder := os.environ.get("GANVAS_PICTURES"):
        page.wait_for_timeout(800)
        page.screenshot(path=Path(folder) / f"studio-{name}.png", full_page=True)


def tab(page: "playwright.Page", name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).first.click()


def leave_out(page: "playwright.Page", number: int) -> None:
    page.wait_for_timeout(1500)
    page.locator("#pictures .thumbnail-item").nth(number).click()
    page.locator("#leave-out").click()


def start(page: "playwright.Page", name: str, minutes: str) -> None:
    page.get_by_label("Minutes", exact=False).first.fill(minutes)
    page.get_by_label("Name (optional)").fill(name)
    page.locator("#start").click()


def choose(page: "playwright.Page", where: str, name: str) -> None:
    """Choose from a list."""
    page.locator(f"{where} input").click()
    page.get_by_role("option", name=name, exact=True).click()


def look_at(page: "playwright.Page", name: str) -> None:
    """Choose a run to watch."""
    choose(page, "#run", name)
    page.locator("section.progress").get_by_text(name, exact=True).wait_for()


def wait_until(page: "playwright.Page", state: str) -> None:
    page.locator("section.progress").get_by_text(state, exact=True).first.wait_for()


def test_training_is_started_watched_stopped_and_continued(page, server, place):
    files = [str(one) for one in sorted((place / "mine").iterdir())]
    page.locator("#train-files input[type=file]").set_input_files(files)
    page.get_by_text("40 usable pictures").wait_for()
    page.get_by_text("not a picture").first.wait_for()
    leave_out(page, 2)
    page.get_by_text("1 left out by you").wait_for()
    page.locator("#undo").click()
    page.get_by_text("40 usable pictures").wait_for()
    leave_out(page, 0)
    page.get_by_text("39 usable pictures").wait_for()
    shoot(page, "pictures")
    start(page, "first", "0.5")
    page.locator("figure.chart").first.wait_for()
    shoot(page, "train")
    page.locator("#stop").click()
    wait_until(page, "stopped")
    page.locator("#continue").click()
    wait_until(page, "working")
    # The page's server may die: the training does not notice.
    server.kill()
    # The page would load itself anew while it is told to go elsewhere.
    page.goto("about:blank")
    server.__init__(place)
    page.goto(server.address)
    wait_until(page, "done")
    assert page.locator("#samples img").is_visible()
    page.get_by_text("How healthy is it?").click()
    page.locator("#ask-doctor").click()
    page.locator("#doctor img").wait_for()
    page.get_by_text("first: This training").wait_for()


def test_a_second_training_waits_and_a_killed_one_is_continued(page, place):
    tab(page, "A folder of mine")
    page.get_by_label("Path of the folder").fill("mine")
    page.get_by_role("button", name="Look at it").click()
    page.get_by_text("40 usable pictures").wait_for()
    start(page, "one", "10")
    page.locator("section.progress").get_by_text("one", exact=True).wait_for()
    page.locator("figure.chart").first.wait_for()
    start(page, "two", "10")
    page.get_by_text("It waits until the work before it is done.").wait_for()
    *_, first, _ = sorted((place / "runs" / ".studio" / "jobs").iterdir())
    os.killpg(os.getpgid(int((first / "lock").read_text())), signal.SIGKILL)
    wait_until(page, "working")
    look_at(page, "one")
    page.get_by_text("It ended without a word").wait_for()
    page.locator("#continue").click()
    wait_until(page, "waiting")
    page.reload()
    look_at(page, "two")
    page.locator("#stop").click()
    wait_until(page, "stopped")
    look_at(page, "one")
    wait_until(page, "working")
    page.locator("#stop").click()
    wait_until(page, "stopped")


def test_what_is_no_picture_or_too_large_is_refused_in_a_sentence(page, tmp_path):
    (tmp_path / "torn.png").write_bytes(b"this is no picture")
    Image.new("1", (9000, 9000)).save(tmp_path / "huge.png")
    page.locator("#train-files input[type=file]").set_input_files(tmp_path / "torn.png")
    page.get_by_text("0 usable pictures").wait_for()
    page.get_by_text("not a picture").first.wait_for()
    tab(page, "Style")
    page.get_by_role("button", name="Take the cat").click()
    page.locator("#photo img").wait_for()
    page.locator("#own-styles input[type=file]").set_input_files(tmp_path / "huge.png")
    page.locator("#own-styles").get_by_text("huge").first.wait_for()
    page.locator("#paint").click()
    page.locator(".toast-body").get_by_text("too large").wait_for()


def test_pictures_are_made_kept_and_painted(page, place):
    tab(page, "Generate")
    choose(page, "#generate-run", "first")
    page.get_by_label("Seeds").fill("0-7")
    page.locator("#generate").click()
    page.locator("#made .thumbnail-item").nth(7).wait_for()
    page.locator("#chosen img").wait_for()
    # No click is lost, however quickly the next one follows.
    for number in (5, 3):
        page.locator("#made .thumbnail-item").nth(number).click()
    page.get_by_label("Its name").fill("Lily")
    page.locator("#keep").click()
    page.locator("#favourites").get_by_text("Lily").wait_for()
    (kept,) = (place / "runs" / ".studio" / "favourites").glob("*/lily.json")
    assert json.loads(kept.read_text())["seed"] == 3
    shoot(page, "generate")
    page.locator("#made .thumbnail-item").nth(6).click()
    page.locator("#keep").click()
    page.get_by_text("Walk through favourites").click()
    page.locator("#walk input").first.click()
    for name in ("Lily", "first-seed0006"):
        page.get_by_role("option", name=name, exact=True).click()
    page.locator("#walk-go").click()
    page.locator("#film img").wait_for()
    (film,) = (place / "runs" / ".studio" / "pictures").glob("walk-first-*.webp")
    with Image.open(film) as frames:
        assert frames.n_frames > 1
    page.locator("#paint-it").click()
    page.locator("#photo img").wait_for()
    assert kept.with_suffix(".png").is_file()


def test_pictures_that_look_alike_are_shown_and_left_out_together(page):
    tab(page, "A folder of mine")
    page.get_by_label("Path of the folder").fill("twice")
    page.get_by_role("button", name="Look at it").click()
    page.get_by_text("16 usable pictures").wait_for()
    page.get_by_text("Nearly the same as another: 8").wait_for()
    groups = page.locator("#alike li")
    assert groups.count() == 8
    first = groups.first.locator("figure")
    assert first.all_inner_texts() == ["the largest", "small face00.png"]
    assert first.first.locator("img").evaluate("image => image.naturalWidth") > 32
    page.wait_for_timeout(500)
    shoot(page, "alike")
    page.locator("#leave-alike").click()
    page.get_by_text("8 usable pictures").wait_for()
    page.get_by_text("8 left out by you").wait_for()
    page.locator("#leave-alike").wait_for(state="hidden")
    assert groups.count() == 0
    page.locator("#undo").click()
    page.get_by_text("16 usable pictures").wait_for()
    page.locator("#leave-alike").wait_for()
    page.locator("#leave-alike").click()
    leave_out(page, 0)
    page.get_by_text("7 usable pictures").wait_for()
    page.locator("#undo").click()
    page.get_by_text("8 left out by you").wait_for()


def test_styles_are_mixed_where_a_training_has_them(page, server, place):
    command = "train mine --run styles --arch stylegan2 --resolution 16 --kimg 0.064"
    tiny = "--model.base 64 --model.most 8 --batch-size 8 --run.evaluate-images 0"
    server.run(*f"{command} {tiny}".split())
    tab(page, "Generate")
    choose(page, "#generate-run", "first")
    page.get_by_text("Mix styles").click()
    page.locator("#mix").get_by_text("its generator has no styles").wait_for()
    assert page.locator("#mix-go").is_hidden()
    page.reload()
    tab(page, "Generate")
    choose(page, "#generate-run", "styles")
    page.get_by_label("Seeds").fill("0-7")
    page.locator("#generate").click()
    page.locator("#made .thumbnail-item").nth(7).wait_for()
    page.get_by_text("Mix styles").click()
    assert page.locator("#mix").get_by_text("has no styles").is_hidden()
    page.locator("#mix-go").click()
    page.locator(".toast-body").get_by_text("at least one seed for the shapes").wait_for()
    for side, numbers in (("rows", (1, 4, 6)), ("columns", (2, 3, 5, 7))):
        for number in numbers:
            page.locator("#made .thumbnail-item").nth(number).click()
            page.locator(f"#mix-{side}-add").click()
            page.locator(f"#mix-{side} .token").get_by_text(str(number), exact=True).wait_for()
    page.locator("#mix-go").click()
    page.locator("#mix-grid img").wait_for()
    shoot(page, "mix")
    with page.expect_download() as saved:
        page.locator("#mix-grid").get_by_label("Download").click()
    with Image.open(saved.value.path()) as grid:
        assert abs(grid.width / grid.height - (5 * 18 + 2) / (4 * 18 + 2)) < 0.02


def test_a_photo_is_painted_with_a_mask_while_one_watches(page, place):
    tab(page, "Style")
    page.get_by_role("button", name="Take the cat").click()
    page.locator("#photo img").wait_for()
    page.get_by_label("256 px").check()
    page.locator("#mask-box button").first.click()
    page.get_by_label("Leave the photo where I brush").check()
    canvas = page.locator("#mask canvas").first
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(2500)
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=8)
    page.mouse.up()
    page.wait_for_timeout(2500)
    page.locator("#paint").click()
    page.wait_for_function(
        "() => new Set([...document.querySelectorAll('#result img')].map(one => one.src)).size > 1"
    )
    page.locator("#keep-it").click()
    page.locator("#download").wait_for()
    shoot(page, "style")
    assert list((place / "runs" / ".studio" / "pictures").glob("painting-*.png"))


def test_the_lesson_computes_and_the_quiz_counts_in_two_languages(page, server):
    tab(page, "Learn")
    tab(page, "Collapse")
    page.locator("#duel-collapse").click()
    page.get_by_text("Step 800").wait_for()
    page.get_by_text("The cloud stays small").wait_for()
    page.locator("#duel-cured").click()
    page.get_by_text("What is different").wait_for()
    page.get_by_text(re.compile(r"Step 800.*reaches [78] of 8")).wait_for()
    shoot(page, "learn")
    tab(page, "Quiz before")
    page.get_by_label("A random vector").first.check()
    page.locator("#check-before").click()
    page.get_by_text("1 of 9 are right.").wait_for()
    page.goto(server.address + "uk/")
    tab(page, "Урок")
    page.get_by_label("Випадковий вектор").first.check()
    page.locator("#check-before").click()
    page.get_by_text("Правильних відповідей: 1 із 9.").wait_for()


def test_on_a_phone_and_in_the_dark_nothing_is_wider_than_the_screen(server, browser):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark", locale="sr", is_mobile=True
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(server.address)
    page.locator("#start").wait_for()
    page.wait_for_timeout(3000)
    shoot(page, "phone-dark")
    tab(page, "Moja fascikla")
    page.get_by_label("Putanja fascikle").fill("twice")
    page.get_by_role("button", name="Pogledaj").click()
    page.get_by_text("Skoro iste kao neka druga: 8").wait_for()
    shoot(page, "phone-alike")
    tab(page, "Generisanje")
    choose(page, "#generate-run", "styles")
    page.get_by_text("Mešanje stilova").click()
    page.locator("#mix-rows input").fill("1-3")
    page.locator("#mix-rows input").press("Enter")
    page.locator("#mix-columns input").fill("5")
    page.locator("#mix-columns input").press("Enter")
    page.locator("#mix-go").click()
    page.locator("#mix-grid img").wait_for()
    shoot(page, "phone-mix")
    for name in ("Trening", "Generisanje", "Stil", "Lekcija"):
        tab(page, name)
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
