"""A place with the studio's folders in it."""

from pathlib import Path

import pytest

from ganvas.studio.places import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Runs in `runs`, pictures allowed from `mine` only."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "runs").mkdir()
    found = Places(tmp_path / "runs", (tmp_path / "mine",))
    found.make()
    return found
