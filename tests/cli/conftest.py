"""A folder with tiny pictures, `ganvas` run in it, and one run that is trained already."""

from pathlib import Path

import pytest
from processes import TINY, Run, make_pictures, runner


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with the pictures in `photos`."""
    make_pictures(tmp_path / "photos")
    return tmp_path


@pytest.fixture
def ganvas(workplace: Path) -> Run:
    """Run `ganvas` beside the pictures: `ganvas("inspect", "photos")`."""
    return runner(workplace)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos` and one finished run, `runs/00001-photos-16`; only to be read."""
    folder = tmp_path_factory.mktemp("trained")
    make_pictures(folder / "photos")
    done = runner(folder)("train", "photos", "--kimg", "0.064", *TINY)
    assert done.returncode == 0, done.stderr
    (folder / "said.txt").write_text(done.stdout)
    return folder
