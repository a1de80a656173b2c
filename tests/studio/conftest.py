"""A place with the studio's folders in it."""

import importlib.util
from pathlib import Path

import pytest

from ganvas.studio.places import Places

# Without the extra there is nothing to test: pip install 'ganvas[studio,browser]'.
collect_ignore_glob = [] if importlib.util.find_spec("gradio") else ["test_*.py"]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Runs in `runs`, pictures allowed from `mine` only."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "runs").mkdir()
    found = Places(tmp_path / "runs", (tmp_path / "mine",))
    found.make()
    return found
