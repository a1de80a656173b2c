"""Help and dry runs start fast, because nothing heavy is imported for them."""

import json
import subprocess
import sys

import pytest
from processes import environment

HEAVY = {"torch", "numpy", "PIL", "matplotlib", "accelerate", "markdown_it", "gradio", "fastapi"}

PROBE = """
import contextlib, io, json, sys
from ganvas.cli.main import main
with contextlib.redirect_stdout(io.StringIO()):
    code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]))
"""


def modules_of(folder, *args) -> set[str]:
    """Run a command line in a fresh interpreter; return the top-level modules it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *args],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    code, modules = json.loads(done.stdout)
    assert code == 0, done.stderr
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    "line",
    [
        *("--help", "train --help", "generate --help", "inspect --help", "stylize --help"),
        "studio --help",
    ],
)
def test_help_imports_nothing_heavy(line, workplace):
    assert not HEAVY & modules_of(workplace, *line.split())


def test_a_dry_run_needs_no_torch(workplace):
    assert "torch" not in modules_of(workplace, "train", "photos", "--dry-run")


def test_a_dry_run_over_known_pictures_needs_no_pixels(workplace):
    line = ("train", "photos", "--dry-run", "--optim.lr-d", "0.001")
    assert "numpy" in modules_of(workplace, *line)
    assert not {*HEAVY, "rich", "jaxtyping"} & modules_of(workplace, *line)


def test_inspect_needs_no_torch(workplace):
    assert "torch" not in modules_of(workplace, "inspect", "photos")
