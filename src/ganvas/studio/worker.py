"""The process behind a job: waits for its turn, runs one `ganvas` command, notes how it ended.

    python -m ganvas.studio.worker FOLDER

It needs no server: a job goes on when the page's server ends, and jobs keep their order without
one. A job is alive while the lock in its folder is held; the command's process holds it too.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from ganvas.core.files import lock_file, write_json
from ganvas.studio.jobs import STOPPED, Job, older

TURN_SECONDS = 0.3


class Stopping:
    """Passes a request to stop on to the command, or ends the waiting."""

    def __init__(self) -> None:
        self.asked = False
        self.command: subprocess.Popen | None = None

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Remember, and tell the command."""
        self.asked = True
        if self.command is not None:
            self.command.terminate()


def work(job: Job, lock: BinaryIO) -> int:
    """Wait until all older jobs are done, then run this one; return its exit code."""
    stopping = Stopping()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopping)
    while not stopping.asked and any(one.is_alive() for one in older(job)):
        time.sleep(TURN_SECONDS)
    if stopping.asked:
        return STOPPED
    (job.path / "started").touch()
    with (job.path / "log.txt").open("wb") as log:
        stopping.command = subprocess.Popen(
            [sys.executable, "-m", "ganvas", *job.about["argv"]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=() if sys.platform == "win32" else (lock.fileno(),),
        )
        if stopping.asked:  # Between the last look and this line.
            stopping.command.terminate()
        code = stopping.command.wait()
        # One that is still starting does not know yet what to say when it is told to stop.
        return STOPPED if stopping.asked and code == -signal.SIGTERM else code


def main(folder: str) -> None:
    """Hold the job's lock for as long as this process lives."""
    job = Job(Path(folder))
    with (job.path / "lock").open("a+b") as lock:
        lock_file(lock)
        lock.write(str(os.getpid()).encode())
        lock.flush()
        write_json(job.path / "exit.json", {"code": work(job, lock)})


if __name__ == "__main__":
    main(sys.argv[1])
