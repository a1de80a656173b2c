"""All entries of a source in two blocks of memory: 29 bytes and its path for each."""

import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import overload

from ganvas.data.entries import Entry, Source

_FACTS = struct.Struct("=xqqi")
"""What follows the path in a row: a zero, which no path has, size, time and label."""


class Rows:
    """What a source lists, as it comes; a row is one bytes object: small, and sorted fast."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._rows: list[bytes] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, path: str, *, size_bytes: int, mtime_ns: int) -> None:
        """Add a file that may well be a picture."""
        self._rows.append(_encode(path) + _FACTS.pack(size_bytes, mtime_ns, 0))

    def names(self) -> Iterator[str]:
        """Yield the names that people read."""
        return map(self._name, self._rows)

    def label(self, label_of: Callable[[str], int | None]) -> None:
        """Give each row the label of its name; rows without one are dropped."""
        labelled = ((row, label_of(self._name(row))) for row in self._rows)
        self._rows = [
            row[:-4] + label.to_bytes(4, sys.byteorder)
            for row, label in labelled
            if label is not None
        ]

    def listing(self) -> "Listing":
        """Sort by path."""
        self._rows.sort()
        ends = array("q", accumulate(map(len, self._rows)))
        return Listing(self.source, b"".join(self._rows), ends)

    def _name(self, row: bytes) -> str:
        return self.source.name(_decode(row[: -_FACTS.size]))


@dataclass(frozen=True)
class Listing(Sequence[Entry]):
    """Entries that are made when they are asked for."""

    source: Source
    rows: bytes
    """One behind the other; equal entries have equal ones."""
    ends: array
    """Where in `rows` each one ends."""

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        k = range(len(self))[index]
        start, facts = self.ends[k - 1] if k else 0, self.ends[k] - _FACTS.size
        size_bytes, mtime_ns, label = _FACTS.unpack_from(self.rows, facts)
        return Entry(self.source, _decode(self.rows[start:facts]), label, size_bytes, mtime_ns)


def _encode(path: str) -> bytes:
    # Names that are no UTF-8 come as lone surrogates.
    return path.encode("utf-8", "surrogatepass")


def _decode(path: bytes) -> str:
    return path.decode("utf-8", "surrogatepass")
