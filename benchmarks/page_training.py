"""Training started in the studio's page, which is watched meanwhile, against one in a terminal.

    python benchmarks/page_training.py eurosat.zip --minutes 2 --rounds 3

A browser without a window opens the page, starts the training as a person would, and keeps it open:
its charts and pictures follow. Page and terminal take turns. First comes how soon the page is
usable, and what it takes when nothing is asked of it; --rounds 0 measures no more than that. Two
JSON lines are appended to results/page_training.jsonl. Needs ganvas[studio,browser] and a chromium.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cells import record
from playwright.sync_api import Page, sync_playwright

from ganvas.runs.folder import RunFolder

RESULTS = Path(__file__).parent / "results" / "page_training.jsonl"
GANVAS = [sys.executable, "-m", "ganvas"]
LONGEST_MS = 3_600_000
SETTLING_SECONDS = 20.0
"""After which a browser has fetched all that belongs to the page."""


def images_per_second(run: Path) -> float:
    """Real pictures shown in a second of training."""
    last = RunFolder.open(run).stats()[-1]
    return float(last["nimg"] / last["seconds"])


def idle_share(page_of: subprocess.Popen[str], seconds: float = 20.0) -> float:
    """The part of one core that the page's server takes while nothing is asked of it."""
    ticks = os.sysconf("SC_CLK_TCK")
    time.sleep(SETTLING_SECONDS)
    before = _cpu_ticks(page_of.pid)
    time.sleep(seconds)
    return (_cpu_ticks(page_of.pid) - before) / ticks / seconds


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def train_in_page(page: Page, images: Path, minutes: float, name: str) -> None:
    """Start a training, and watch it to its end."""
    page.get_by_role("tab", name="A folder of mine", exact=True).first.click()
    page.get_by_label("Path of the folder").fill(str(images))
    page.get_by_role("button", name="Look at it").click()
    page.get_by_text("usable pictures").first.wait_for()
    page.get_by_label("Minutes", exact=False).first.fill(f"{minutes:g}")
    page.get_by_label("Name (optional)").fill(name)
    page.locator("#start").click()
    shown = page.locator("section.progress")
    shown.get_by_text(name, exact=True).wait_for()
    shown.get_by_text("done", exact=True).first.wait_for()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    images = given.images.resolve()
    speeds: dict[str, list[float]] = {"page": [], "terminal": []}
    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        runs = Path(place) / "runs"
        environment = os.environ | {"GANVAS_RUNS": str(runs), "GANVAS_CACHE": f"{place}/cache"}
        start = time.monotonic()
        server = subprocess.Popen(
            [*GANVAS, "studio", "--pictures", str(images.parent)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found, "the page did not start"
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(locale="en-US")
        page.set_default_timeout(LONGEST_MS)
        page.goto(found[0])
        page.get_by_role("button", name="Start training").wait_for()
        usable = time.monotonic() - start
        line = {"benchmark": "page_opening", "seconds_to_page": round(usable, 1)}
        record(line | {"idle_share": round(idle_share(server), 4)}, RESULTS)
        for number in range(given.rounds):
            train_in_page(page, images, given.minutes, f"page{number}")
            speeds["page"].append(images_per_second(runs / f"page{number}"))
            command = ["train", str(images), "--minutes", str(given.minutes), "--run", f"t{number}"]
            subprocess.run([*GANVAS, *command], env=environment, check=True, capture_output=True)
            speeds["terminal"].append(images_per_second(runs / f"t{number}"))
        browser.close()
        server.terminate()
    if not given.rounds:
        return
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    line = {"benchmark": "page_training", "minutes": given.minutes, "set": images.stem}
    line |= {f"{name}_images_per_second": round(value, 1) for name, value in medians.items()}
    ratio = round(medians["page"] / medians["terminal"], 3)
    record(line | {"page_ratio": ratio}, RESULTS)


if __name__ == "__main__":
    main()
