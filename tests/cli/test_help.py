"""Every `--help` against its golden copy; scripts/golden writes them anew."""

import os
from pathlib import Path

import pytest

from ganvas.cli.main import VERBS
from ganvas.models import registry

HELP = Path(__file__).parent / "help"

PAGES = {
    "ganvas": ("--help",),
    **{verb: (verb, "--help") for verb in VERBS},
    **{f"train-{arch}": ("train", "--arch", arch, "--help") for arch in registry.names()},
}


@pytest.mark.parametrize("page", PAGES)
def test_help_says_what_the_golden_copy_says(page, ganvas):
    shown = ganvas(*PAGES[page])
    assert (shown.returncode, shown.stderr) == (0, "")
    golden = HELP / f"{page}.txt"
    if os.environ.get("GANVAS_WRITE_GOLDEN"):
        lines = [line.rstrip() for line in shown.stdout.splitlines()]
        golden.write_text("\n".join(lines) + "\n")
    # Words, not lines: where the help library breaks them is not ours.
    assert shown.stdout.split() == golden.read_text().split(), "if this is wanted: scripts/golden"


def test_there_is_no_golden_copy_of_something_gone():
    assert {path.stem for path in HELP.iterdir()} == set(PAGES)
