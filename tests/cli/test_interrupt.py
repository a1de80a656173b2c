"""Ctrl-C once saves and says how to go on, twice ends at once; SIGTERM saves too."""

import json
import signal
import subprocess
import sys

import pytest
from processes import TINY, environment

from ganvas.cli.interrupt import stop_request
from ganvas.cli.progress import kimg

STUBBORN = """
import time
from ganvas.cli.interrupt import stop_request
from ganvas.cli.progress import kimg
with stop_request() as stop:
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
"""

IMPATIENT = """
import signal, sys
from ganvas.cli import info, main
# Where the tests run in the background of a shell, the signal is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
info.collect = lambda: signal.raise_signal(signal.SIGINT)
sys.exit(main.main(["info"]))
"""


def start(folder, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(process: subprocess.Popen[str], beginning: str) -> str:
    """Read lines until one begins so."""
    for said in process.stdout:
        if said.startswith(beginning):
            return said
    raise AssertionError(f"it ended without saying {beginning!r}: {process.stderr.read()}")


def test_the_first_signal_only_asks_and_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT)
    with stop_request() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGTERM)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            stop.check()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_ends_at_once(tmp_path):
    with start(tmp_path, "-c", STUBBORN) as process:
        until(process, "ready")
        process.send_signal(signal.SIGINT)
        assert "Ctrl-C again ends at once" in process.stderr.readline() + process.stderr.readline()
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130


def test_ctrl_c_outside_a_training_is_one_line(tmp_path):
    with start(tmp_path, "-c", IMPATIENT) as process:
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "ganvas: interrupted\n")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_is_saved_and_goes_on_with_the_same_command(
    number, workplace, ganvas
):
    command = ("train", "photos", "--kimg", "40", *TINY)
    with start(workplace, "-m", "ganvas", *command) as process:
        until(process, "tick")
        process.send_signal(number)
        said, complaint = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in complaint
    assert "ganvas train photos --kimg 40" in said
    (run,) = (workplace / "runs").iterdir()
    nimg = max(json.loads(path.read_text())["nimg"] for path in run.glob("checkpoints/*/meta.json"))
    again = ganvas("train", "photos", "--kimg", str(nimg / 1000 + 0.016), *TINY)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith(f"continue  runs/{run.name}  {kimg(nimg)} to")
    assert "Done" in again.stdout
    assert list((workplace / "runs").iterdir()) == [run]
