"""The public names, and that importing them is cheap."""

import subprocess
import sys

import ganvas


def test_the_public_names_are_these():
    assert ganvas.__all__ == [
        "GanvasError",
        "StyleConfig",
        "TrainConfig",
        "evaluate_run",
        "export",
        "generate",
        "inspect",
        "load_generator",
        "stylize",
        "stylize_steps",
        "train",
        "train_steps",
    ]
    for name in ganvas.__all__:
        assert getattr(ganvas, name).__doc__
    assert dir(ganvas) == ganvas.__all__


def test_import_ganvas_needs_no_torch():
    code = (
        "import ganvas as g, sys; g.TrainConfig, g.StyleConfig; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names_are_attribute_errors():
    assert not hasattr(ganvas, "Trainer")
