"""Jobs: `ganvas` commands in processes of their own, one at a time, with all state on disk.

A job is a folder: job.json (what was asked), lock, started, log.txt and exit.json.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from ganvas.core.errors import GanvasError
from ganvas.core.files import is_locked, write_json

State = Literal["waiting", "running", "done", "stopped", "failed"]
STOPPED = 130
"""Exit code of a command that was asked to stop and saved what it had."""
MOST_WAITING = 8
START_SECONDS = 30.0
"""A worker that holds no lock after this time will never come."""


@dataclass(frozen=True)
class Job:
    """One command; everything is read from its folder whenever it is asked."""

    path: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """What was asked: kind, argv, and what the page wants to remember."""
        values: dict[str, Any] = json.loads((self.path / "job.json").read_text(encoding="utf-8"))
        return values

    @property
    def number(self) -> int:
        """Its place in the queue."""
        return int(self.path.name)

    @property
    def state(self) -> State:
        """Whether it waits, runs, or how it ended."""
        code = self._exit_code()
        if code is None and self.is_alive():
            return "running" if (self.path / "started").exists() else "waiting"
        if code is None:
            code = self._exit_code()  # It may have ended between the two looks.
        return "done" if code == 0 else "stopped" if code == STOPPED else "failed"

    def is_alive(self) -> bool:
        """Whether a process works on it, or is about to."""
        if is_locked(self.path / "lock"):
            return True
        if (self.path / "exit.json").exists() or (self.path / "lock").exists():
            return False
        return time.time() - (self.path / "job.json").stat().st_mtime < START_SECONDS

    def stop(self) -> None:
        """Ask it to stop; it saves what it has. Harmless when it has ended."""
        # Only the holder of the lock is told: the number may belong to somebody else by now.
        with contextlib.suppress(OSError, ValueError):
            if is_locked(self.path / "lock"):
                os.kill(int((self.path / "lock").read_text()), signal.SIGTERM)

    def log(self) -> str:
        """What the command has printed."""
        with contextlib.suppress(OSError):
            return (self.path / "log.txt").read_text(encoding="utf-8", errors="replace")
        return ""

    def complaint(self) -> str:
        """The sentence with which it failed; empty where it was ended from outside."""
        lines = [line for line in self.log().splitlines() if line.startswith("ganvas: ")]
        return lines[-1].removeprefix("ganvas: ") if lines else ""

    def _exit_code(self) -> int | None:
        try:
            found = json.loads((self.path / "exit.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return int(found["code"])


def new_folder(root: Path) -> Path:
    """Make the folder of the next job, for its files."""
    number = max((int(one.name) for one in _folders(root)), default=0)
    while True:
        number += 1
        with contextlib.suppress(FileExistsError):
            (root / f"{number:06d}").mkdir()
            return root / f"{number:06d}"


def submit(folder: Path, argv: Sequence[str], *, runs: Path, **about: Any) -> Job:
    """Start the worker of a job whose folder is ready. Raises GanvasError when many wait."""
    if sum(job.is_alive() for job in all_jobs(folder.parent)) >= MOST_WAITING:
        raise GanvasError(f"{MOST_WAITING} jobs are waiting already: let some finish first")
    write_json(folder / "job.json", {"argv": list(argv)} | about)
    worker = subprocess.Popen(
        [sys.executable, "-m", "ganvas.studio.worker", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(runs),
        # Its own session: Ctrl-C in the terminal of the page ends the page only.
        start_new_session=True,
    )
    # Somebody has to take note of its end, or it stays in the list of processes.
    threading.Thread(target=worker.wait, daemon=True).start()
    return Job(folder)


def all_jobs(root: Path) -> list[Job]:
    """List all jobs, oldest first."""
    return [Job(one) for one in _folders(root) if (one / "job.json").is_file()]


def all_about(root: Path, **about: Any) -> list[Job]:
    """List the jobs of which all this is true, oldest first."""
    return [job for job in all_jobs(root) if job.about.items() >= about.items()]


def older(job: Job) -> list[Job]:
    """List the jobs that come before this one."""
    return [one for one in all_jobs(job.path.parent) if one.number < job.number]


def _folders(root: Path) -> list[Path]:
    return sorted(one for one in root.iterdir() if one.name.isdecimal())


def _environment(runs: Path) -> Mapping[str, str]:
    return {**os.environ, "GANVAS_RUNS": str(runs.absolute()), "PYTHONUNBUFFERED": "1"}
