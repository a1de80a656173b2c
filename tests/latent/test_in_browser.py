"""The page of docs/browser in a real browser: an exported generator makes pictures there."""

import functools
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from test_load import trained

from ganvas.latent.export.onnx import to_onnx

PAGE = Path(__file__).parents[2] / "docs" / "browser"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--virtual-time-budget=30000", "--dump-dom"),
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here"),
    pytest.mark.skipif(not shutil.which("npm"), reason="no npm here"),
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copied = tmp_path_factory.mktemp("browser") / "page"
    shutil.copytree(PAGE, copied, ignore=shutil.ignore_patterns("node_modules"))
    npm = ["npm", "install", "--no-audit", "--no-fund"]
    done = subprocess.run(npm, cwd=copied, capture_output=True, text=True, timeout=200)
    if done.returncode:
        pytest.skip(f"npm cannot fetch onnxruntime-web: {done.stderr[-200:]}")
    return copied


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def status(address: str, profile: Path) -> str:
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", address]
    page = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    found = re.search(r'<p id="status">(.*?)</p>', page)
    assert found is not None, page[-2000:]
    return found[1]


@pytest.mark.parametrize("num_classes", [0, 2])
def test_pictures_are_made_in_the_browser(
    num_classes: int, folder: Path, address: str, tmp_path: Path
) -> None:
    G, _ = trained("dcgan", num_classes=num_classes, width=8)
    (folder / "generator.onnx").write_bytes(to_onnx(G))
    assert re.fullmatch(
        r"16 pictures of 32 x 32 px in \d+ ms", status(address, tmp_path / "profile")
    )


def test_a_file_that_is_no_network_is_said_to_be_none(
    folder: Path, address: str, tmp_path: Path
) -> None:
    (folder / "generator.onnx").write_bytes(b"no network")
    assert status(address, tmp_path / "profile").startswith("Failed: ")
