"""Every `--help` against its golden copy; scripts/golden writes them anew."""

import os
from pathlib import Path

import pytest
from cyclopts import Group
from cyclopts.help import create_parameter_help_panel

from ganvas.cli.main import VERBS, build
from ganvas.cli.nested import help_panels
from ganvas.cli.train import named_arch
from ganvas.models import registry
from ganvas.training.presets import PRESETS, Facts, resolve

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


@pytest.mark.parametrize("arch", registry.names())
def test_the_page_lists_just_the_nested_flags_that_are_parsed(arch):
    # A flag that is in no section makes the parser learn them all.
    command = build(["train", "--arch", arch, "--unknown"])["train"]
    arguments = command.assemble_argument_collection()
    parsed = create_parameter_help_panel(Group("all"), arguments, "plaintext").entries
    listed = [entry for panel in help_panels(arch) for entry in panel.entries]
    facts = [
        sorted(
            (entry.display_labels_with_metavar, sorted(entry.choices or ()))
            for entry in entries
            if "." in entry.display_labels[0]
        )
        for entries in (parsed, listed)
    ]
    assert facts[0] == facts[1]
    assert len(listed) > 40


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_has_the_model_flags_of_its_architecture(preset):
    arch = resolve("x", Facts(1000, 1, 32), preset=preset).model.arch
    assert named_arch(["train", "x", "--preset", preset]) == arch
    assert named_arch([f"--preset={preset}", "--arch", "msg"]) == "msg"


@pytest.mark.parametrize("line", ["train --help photos", "train photos --arch mlp -h"])
def test_help_is_given_wherever_it_is_asked_for(line, ganvas):
    shown = ganvas(*line.split())
    assert shown.returncode == 0
    assert "--optim.lr-g FLOAT" in shown.stdout
