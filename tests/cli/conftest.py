"""A folder with tiny pictures, `ganvas` run in it, and one run that is trained already."""

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import TINY, Run, make_pictures, runner

from ganvas.cli.main import main


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with the pictures in `photos`."""
    make_pictures(tmp_path / "photos")
    return tmp_path


@pytest.fixture
def ganvas(workplace: Path) -> Run:
    """Run `ganvas` beside the pictures: `ganvas("inspect", "photos")`."""
    return runner(workplace)


@pytest.fixture
def typed(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str, str]]:
    """The same without a new process, for what ends early: exit code, stdout, stderr."""
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("GANVAS_CACHE", str(workplace / "cache"))
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def run(line: str) -> tuple[int, str, str]:
        return main(line.split()), *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos` and one finished run, `runs/00001-photos-16`; only to be read."""
    folder = tmp_path_factory.mktemp("trained")
    make_pictures(folder / "photos")
    done = runner(folder)("train", "photos", "--kimg", "0.064", *TINY)
    assert done.returncode == 0, done.stderr
    (folder / "said.txt").write_text(done.stdout)
    return folder
