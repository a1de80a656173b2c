"""Worker processes: lean, replaced when a decoder crashes, gone when the work is over."""

import io
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.data import workers
from ganvas.data.decode import Target
from ganvas.data.entries import Entry, Source


class Fine(Source):
    """Pictures whose red is their label."""

    def name(self, path):
        return path

    def open(self, entry):
        file = io.BytesIO()
        Image.new("RGB", (20, 20), (entry.label, 0, 0)).save(file, "PNG")
        file.seek(0)
        return file


class Deadly(Source):
    """Pictures whose decoder takes the whole process with it."""

    def name(self, path):
        return path

    def open(self, entry):
        os._exit(1)


TARGET = Target(
    resolution=16,
    channels=3,
    fit="crop",
    background="#ffffff",
    min_size_px=8,
    max_megapixels=100.0,
)
LARGE = 10**9
"""So large a file that starting processes seems worth it."""


def test_a_worker_needs_neither_torch_nor_pydantic():
    code = "import ganvas.data.workers, sys; print({'torch', 'pydantic'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"


def test_a_picture_that_kills_its_decoder_is_skipped_alone():
    entries = [Entry(Fine(), str(k), k, 100, 0) for k in range(5)]
    entries.insert(2, Entry(Deadly(), "deadly", 7, 100, 0))
    entries.append(Entry(Fine(), "last", 9, LARGE, 0))
    parts = list(workers.decode_all(entries, TARGET, processes=2))
    facts = [one for part, _ in parts for one in part]
    assert [one.name for one in facts] == ["0", "1", "deadly", "2", "3", "4", "last"]
    assert [one.reason for one in facts if one.reason] == [
        "damaged: its decoder crashed or ran out of memory"
    ]
    assert np.concatenate([rows for _, rows in parts])[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 9]


@pytest.mark.parametrize("python", ["/nowhere/python", shutil.which("false")])
def test_where_no_process_starts_the_work_is_done_here(monkeypatch, python):
    monkeypatch.setattr(workers.sys, "executable", python)
    entries = [Entry(Fine(), str(k), k, LARGE, 0) for k in range(3)]
    with pytest.warns(UserWarning, match="read in one process, which takes longer"):
        parts = list(workers.decode_all(entries, TARGET, processes=2))
    assert [rows[0, 0, 0, 0] for _, rows in parts] == [0, 1, 2]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into Linux's /proc")
def test_no_worker_outlives_its_work():
    def children():
        found = set()
        for task in Path("/proc/self/task").iterdir():
            with suppress(FileNotFoundError):  # a thread of the test's own process has ended
                found |= set((task / "children").read_text().split())
        return found

    before = children()
    decoded = workers.decode_all(
        [Entry(Fine(), str(k), k, LARGE, 0) for k in range(40)], TARGET, processes=2
    )
    next(decoded)
    assert len(children() - before) == 2
    decoded.close()
    assert children() == before
