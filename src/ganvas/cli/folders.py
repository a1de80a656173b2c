"""Where runs are, and how a run is named on the command line."""

from pathlib import Path

from ganvas.cli.console import short_path
from ganvas.runs.folder import RunFolder
from ganvas.runs.folder import runs_root as runs_root


def find_run(name: str) -> RunFolder:
    """Open a run by its folder, its name under the runs folder, or its number."""
    return RunFolder.find(runs_root(), name)


def find_model(name: str) -> Path:
    """Return the run's folder, or the exported file, that RUN means; needs no torch."""
    path = Path(name)
    return path if path.is_file() else find_run(name).path


def short_name(run: Path) -> str:
    """Return what to type for a run: its name where it is in the runs folder, else its path."""
    return run.name if run.absolute().parent == runs_root().absolute() else short_path(run)
