"""Entries in columns are what was listed, and small."""

import random
import sys
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.data.entries import Entry
from ganvas.data.filling import _Seen
from ganvas.data.folder import Folder
from ganvas.data.listing import Listing, Rows

SOURCE = Folder("/somewhere")
# A path has no zeros; a byte that is no UTF-8 comes as a lone surrogate.
PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=[]), min_size=1)
NUMBERS = st.integers(-(2**63), 2**63 - 1)


def listed(paths) -> Listing:
    rows = Rows(SOURCE)
    for number, path in enumerate(paths):
        rows.add(path, size_bytes=number, mtime_ns=-number)
    return rows.listing()


@settings(deadline=None)
@given(st.dictionaries(PATHS, st.tuples(NUMBERS, NUMBERS), min_size=1))
def test_what_was_listed_comes_back_sorted_by_path(files):
    rows = Rows(SOURCE)
    for path, (size, time) in files.items():
        rows.add(path, size_bytes=size, mtime_ns=time)
    expected = [Entry(SOURCE, path, 0, *files[path]) for path in sorted(files)]
    assert list(rows.listing()) == expected
    assert rows.listing()[-1] == expected[-1]
    assert rows.listing()[1:3] == expected[1:3]


def test_labels_are_given_by_name_and_rows_without_one_are_dropped():
    rows = Rows(SOURCE)
    for path in ("b/2", "a/1", "c/3"):
        rows.add(path, size_bytes=7, mtime_ns=9)
    rows.label(lambda name: {"a": 5, "b": 70_000}.get(PurePosixPath(name).parts[0]))
    assert list(rows.listing()) == [
        Entry(SOURCE, "a/1", 5, 7, 9),
        Entry(SOURCE, "b/2", 70_000, 7, 9),
    ]


def test_an_index_behind_the_end_is_refused():
    with pytest.raises(IndexError):
        listed(["a"])[1]


def test_a_picture_takes_few_bytes():
    found = listed(f"{k:06d}.jpg" for k in range(10_000))
    assert sys.getsizeof(found.rows) + sys.getsizeof(found.ends) < 45 * len(found)


def test_the_first_of_equal_contents_is_remembered():
    # 40 digests have 80 slots: these fall on three of them, and must be told apart.
    drawn, rest = random.Random(0), bytes(14)
    digests = [
        bytes([drawn.randrange(3)]) + rest + bytes([80 * drawn.randrange(4)]) for _ in range(40)
    ]
    seen, firsts = _Seen(len(digests)), {}
    for index, digest in enumerate(digests):
        assert seen.first(digest, index) == firsts.setdefault(digest, index)
    assert len(firsts) == 12
