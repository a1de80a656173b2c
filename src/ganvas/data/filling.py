"""Filling a prepared set on disk, picture by picture, so that it can stop anywhere and go on."""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ganvas.core.canvas import sides
from ganvas.core.errors import DataError
from ganvas.core.files import append_json_line, atomic_path, flush, write_json
from ganvas.data.cache import make_room, writing
from ganvas.data.config import DataConfig
from ganvas.data.decode import Facts, Target, to_channels
from ganvas.data.prepared import FORMAT, IMAGES, LABELS, PICTURES, STORE, Progress, what_matters
from ganvas.data.scan import Scan, Skipped
from ganvas.data.workers import decode_all

COPY = "a copy: the same file as"
UNREACHABLE = "cannot be"

Pictures = UInt8[np.ndarray, "n h w c"]

_BLOCK = 1024
_DIGEST_BYTES = 16
"""Of a SHA-256 kept in memory: enough that no two files are ever confused."""


def fill(
    folder: Path, found: Scan, config: DataConfig, *, processes: int, progress: Progress
) -> None:
    """Decode what is not there yet and finish the set.

    The caller holds the folder's lock. An exception out of `progress` stops the work; what is
    done stays. Raises DataError when the cache cannot be written.
    """
    total = len(found.entries)
    with writing(folder):
        folder.mkdir(exist_ok=True)
        books = _reopen(folder, found, config)
        make_room(folder, num_bytes=(total - books.read) * books.row_bytes)
    progress(books.read, total)
    target = Target(**config.model_dump(include=set(Target.__annotations__)))
    decoded = decode_all(found.entries, target, first=books.read, processes=processes)
    with contextlib.closing(decoded):
        for facts, rows in decoded:
            _check_source(found, facts)
            with writing(folder):
                _append(folder, books, facts, rows)
            progress(books.read, total)
    with writing(folder):
        _finish(folder, books, found, config)


def copy_grey(folder: Path, pictures: Pictures, facts: Path) -> None:
    """Take the brightness of a colour set that is finished: `fill` then finds all rows there."""
    with writing(folder):
        folder.mkdir(exist_ok=True)
        make_room(folder, num_bytes=pictures.size // 3)
        (folder / PICTURES).unlink(missing_ok=True)
        with (folder / IMAGES).open("wb") as file:
            for start in range(0, len(pictures), _BLOCK):
                file.write(to_channels(pictures[start : start + _BLOCK], 1).tobytes())
        with atomic_path(folder / PICTURES) as temporary:
            temporary.write_bytes(facts.read_bytes())


def read_facts(path: Path) -> Iterator[Facts]:
    """Yield the facts of every file so far, in order; a torn last line does not count."""
    for line in _whole_lines(path):
        yield from (Facts(*values) for values in json.loads(line)["pictures"])


class _Books:
    """What is known of the pictures so far: a few bytes for each, never pixels."""

    def __init__(self, found: Scan, config: DataConfig) -> None:
        self._entries = found.entries
        self.row_bytes = math.prod(sides(config.resolution)) * config.channels
        self.read = 0
        self.labels = array("q")
        self.skipped: list[Skipped] = []
        self._seen = _Seen(len(found.entries))
        self._hash = hashlib.sha256(json.dumps(what_matters(config), sort_keys=True).encode())

    @property
    def num_bytes(self) -> int:
        return len(self.labels) * self.row_bytes

    @property
    def fingerprint(self) -> str:
        return self._hash.hexdigest()

    def enter(self, facts: Facts) -> Facts:
        """Count one file; return its facts, with a reason to skip it if it is a copy."""
        index = self.read
        self.read += 1
        if facts.reason is None:
            first = self._seen.first(bytes.fromhex(facts.sha256), index)
            if first != index:
                reason = f"{COPY} {self._entries[first].name}"
                facts = dataclasses.replace(facts, reason=reason)
        if facts.reason is not None:
            self.skipped.append(Skipped(facts.name, facts.reason))
            return facts
        self.labels.append(facts.label)
        self._hash.update(json.dumps([facts.sha256, facts.name, facts.label]).encode())
        return facts


class _Seen:
    """Who had which content first: a table of 20 bytes a file, where a dict takes 200."""

    def __init__(self, num: int) -> None:
        self._digests = bytearray(_DIGEST_BYTES * num)
        self._slots = array("i", bytes(2 * num * array("i").itemsize))
        """Where a digest would be, or the next free one behind: index + 1, 0 for nobody."""

    def first(self, digest: bytes, index: int) -> int:
        """Return the index that was first given with this digest, perhaps this one."""
        digest = digest[:_DIGEST_BYTES]
        slot = int.from_bytes(digest) % len(self._slots)
        while taken := self._slots[slot]:
            start = _DIGEST_BYTES * (taken - 1)
            if self._digests[start : start + _DIGEST_BYTES] == digest:
                return taken - 1
            slot = (slot + 1) % len(self._slots)
        self._slots[slot] = index + 1
        self._digests[_DIGEST_BYTES * index : _DIGEST_BYTES * (index + 1)] = digest
        return index


def _reopen(folder: Path, found: Scan, config: DataConfig) -> _Books:
    """Enter what an interrupted preparation left, and cut off what it did not list."""
    images, pictures = folder / IMAGES, folder / PICTURES
    images.touch()
    pictures.touch()
    books = _Books(found, config)
    for facts in read_facts(pictures):
        books.enter(facts)
    listed = sum(map(len, _whole_lines(pictures)))
    if books.num_bytes > images.stat().st_size:
        # Listed pictures are missing, as after a power cut: start again.
        books, listed = _Books(found, config), 0
    os.truncate(images, books.num_bytes)
    os.truncate(pictures, listed)
    return books


def _check_source(found: Scan, facts: Sequence[Facts]) -> None:
    """Stop when the disk or network share is gone, or its pictures would be skipped for ever."""
    failed = any(one.reason and one.reason.startswith(UNREACHABLE) for one in facts)
    if failed and not os.access(found.root, os.R_OK):
        raise DataError(
            f"{found.root} is gone while its pictures were read: when it is back, the same command "
            "goes on where it stopped."
        )


def _append(folder: Path, books: _Books, facts: Sequence[Facts], rows: Pictures) -> None:
    entered = [(one, books.enter(one)) for one in facts]
    usable = [after.reason is None for before, after in entered if before.reason is None]
    with (folder / IMAGES).open("ab") as file:
        file.write(rows[np.array(usable, bool)].tobytes())
    append_json_line(
        folder / PICTURES, {"pictures": [dataclasses.astuple(after) for _, after in entered]}
    )


def _finish(folder: Path, books: _Books, found: Scan, config: DataConfig) -> None:
    flush(folder / IMAGES)
    with atomic_path(folder / LABELS) as temporary, temporary.open("wb") as file:
        np.save(file, np.array(books.labels, np.int64))
    skipped = sorted([*found.skipped, *books.skipped], key=lambda one: one.name)
    values = {
        "format": FORMAT,
        "source": found.root,
        "num": len(books.labels),
        "resolution": config.resolution,
        "channels": config.channels,
        "class_names": list(found.class_names),
        "fingerprint": books.fingerprint,
        "skipped": [[one.name, one.reason] for one in skipped],
    }
    write_json(folder / STORE, values)


def _whole_lines(path: Path) -> Iterator[bytes]:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))
