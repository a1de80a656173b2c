"""Pictures in a zip: tricks, bombs, damage; nothing is unpacked to the disk."""

import contextlib
import os
import stat
import struct
import zipfile
from collections import Counter

import numpy as np
import pytest
from encoders import save
from sources import DOT, in_another_process, names, pack, reasons, zipped

from ganvas.core import images
from ganvas.core.errors import DataError, UnreadablePicture
from ganvas.data import archive
from ganvas.data.scan import scan


def test_tricks_are_skipped_and_nothing_is_written(tmp_path, monkeypatch):
    path = tmp_path / "tricks.zip"
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    rare = {"compress_type": zipfile.ZIP_BZIP2}
    with zipfile.ZipFile(path, "w") as file:
        for name in ("../up.png", "a/../../up.png", "/etc/abs.png", "C:/win.png", "C:\\w.png"):
            file.writestr(zipfile.ZipInfo(name), DOT)
        file.writestr(link, "/etc/passwd")
        file.writestr("bzip.png", DOT, **rare)
        file.writestr("inner.zip", zipped({"a.png": DOT}))
        file.writestr(".git/a.png", DOT)
        file.writestr("folder/", b"")
        file.writestr("12:30.png", DOT)
        file.writestr("win\\dows.png", DOT)
    monkeypatch.chdir(tmp_path)
    found = scan(path, classes="none")
    assert names(found) == ["12:30.png", "win/dows.png"]
    assert Counter(reasons(found).values()) == {
        "its path leads out of the archive": 5,
        "a link inside the archive": 1,
        "packed by a rare method: pack it again as an ordinary zip": 1,
        "an archive inside: unpack it first": 1,
        "hidden: in a folder whose name starts with a dot": 1,
    }
    assert [images.read(entry.open()).width for entry in found.entries] == [8, 8]
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_members_with_one_name_the_later_counts(tmp_path):
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.png", DOT)
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("a.png", save(np.zeros((5, 6, 3), np.uint8), "PNG"))
    found = scan(path)
    assert reasons(found) == {"a.png": "replaced by a later file of the same name"}
    assert [images.read(entry.open()).width for entry in found.entries] == [6]


def test_encrypted_members_are_skipped(tmp_path):
    data = bytearray(zipped({"a.png": DOT, "b.png": DOT}))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    path = tmp_path / "secret.zip"
    path.write_bytes(data)
    found = scan(path)
    assert names(found) == ["b.png"]
    assert "without a password" in reasons(found)["a.png"]


def test_bombs_are_skipped_by_what_they_declare(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "SMALL_BYTES", 2**16)
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 2**19)
    path = tmp_path / "bomb.zip"
    rng = np.random.default_rng(0)
    members = {"zeros.png": bytes(2**18), "big.png": rng.bytes(2**19 + 1), "a.png": DOT}
    path.write_bytes(zipped(members))
    found = scan(path)
    assert names(found) == ["a.png"]
    assert "times its size" in reasons(found)["zeros.png"]
    assert "unpacks to more than" in reasons(found)["big.png"]


def test_a_member_that_lies_about_its_size_is_never_unpacked_whole(tmp_path):
    data = bytearray(zipped({"a.png": bytes(2**25)}))
    declared = struct.pack("<I", 1000)
    data[22:26] = declared
    at = data.index(b"PK\1\2") + 24
    data[at : at + 4] = declared
    path = tmp_path / "liar.zip"
    path.write_bytes(data)
    [entry] = scan(path).entries
    code = (
        "import pickle, resource, sys\n"
        "entry = pickle.loads(sys.stdin.buffer.read())\n"
        "most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    entry.open()\n"
        "except Exception as error:\n    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most)"
    )
    reason, grown_kib = in_another_process(code, entry).splitlines()
    assert "Bad CRC" in reason
    assert int(grown_kib) < 2**13


def test_a_damaged_member_is_a_reason_and_the_others_are_read(tmp_path):
    data = bytearray(zipped({"a.png": DOT, "b.png": DOT}))
    data[40:60] = bytes(20)
    path = tmp_path / "half.zip"
    path.write_bytes(data)
    first, second = scan(path).entries
    with pytest.raises(UnreadablePicture, match="damaged"):
        first.open()
    assert images.read(second.open()).width == 8


def test_an_archive_that_has_gone_is_a_reason(tmp_path):
    path = pack(tmp_path, "a.png")
    [entry] = scan(path).entries
    archive._open_archive.cache_clear()
    path.write_bytes(zipped({"b.png": DOT}))
    with pytest.raises(UnreadablePicture, match="has changed"):
        entry.open()
    archive._open_archive.cache_clear()
    path.unlink()
    with pytest.raises(UnreadablePicture, match="cannot be opened"):
        entry.open()


def test_a_forked_process_opens_the_archive_itself(monkeypatch, tmp_path):
    def opened() -> int:
        entry.open()
        return archive._open_archive.cache_info().misses

    (entry,) = scan(pack(tmp_path, "a.png")).entries
    mine = opened()
    assert opened() == mine
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert opened() == mine + 1


def test_every_damaged_zip_is_one_sentence(tmp_path):
    whole = zipped({f"{k}.png": DOT for k in range(5)})
    rng = np.random.default_rng(0)
    path = tmp_path / "broken.zip"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="a damaged zip"):
        scan(path)
    for _ in range(100):
        data = bytearray(whole)
        for place in rng.integers(len(data) // 2, len(data), 3):
            data[place] = rng.integers(0, 256)
        path.write_bytes(data)
        archive._open_archive.cache_clear()
        # Any other error would fail the test.
        with contextlib.suppress(DataError):
            for entry in scan(path).entries:
                with contextlib.suppress(UnreadablePicture):
                    images.read(entry.open())


def test_an_unreadable_zip_says_why(monkeypatch, tmp_path):
    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    path = pack(tmp_path, "a.png")
    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    with pytest.raises(DataError, match=r"set\.zip cannot be opened: Permission denied"):
        scan(path)
