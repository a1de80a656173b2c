"""Folders, zips and built-in sets: what is listed, in which order, with which class."""

import contextlib
import os
import pickle
from pathlib import Path

import pytest
from sources import DOT, fill, in_another_process, labels, names, pack, reasons

from ganvas.core import images
from ganvas.core.errors import DataError, UnreadablePicture
from ganvas.data.entries import Skipped, tally
from ganvas.data.scan import scan


class TestFolder:
    def test_everything_below_is_listed_sorted_by_name(self, tmp_path):
        root = fill(tmp_path, "b.png", "a/z.png", "a.png", "C.png", "a/b/c.png", "10.png", "9.png")
        found = scan(root)
        assert names(found) == [
            "10.png",
            "9.png",
            "C.png",
            "a.png",
            "a/b/c.png",
            "a/z.png",
            "b.png",
        ]
        assert found.class_names == ()
        assert found.root == str(root)
        entry = found.entries[0]
        status = (root / "10.png").stat()
        assert (entry.size_bytes, entry.mtime_ns) == (len(DOT), status.st_mtime_ns)

    def test_order_does_not_depend_on_the_disk(self, monkeypatch, tmp_path):
        root = fill(tmp_path, "b/x.png", "a/x.png", "c.png")
        before = scan(root)
        usual = os.scandir

        def reversed_scandir(path):
            with usual(path) as items:
                return contextlib.nullcontext(sorted(items, key=lambda one: one.name)[::-1])

        monkeypatch.setattr(os, "scandir", reversed_scandir)
        assert scan(root) == before

    def test_a_folder_named_like_a_picture_is_entered(self, tmp_path):
        assert names(scan(fill(tmp_path, "trip.png/a.png"))) == ["trip.png/a.png"]

    def test_links_to_files_are_pictures_and_links_to_nothing_are_named(self, tmp_path):
        root = fill(tmp_path, "a.png")
        (root / "link.png").symlink_to(root / "a.png")
        (root / "lost.png").symlink_to(root / "gone.png")
        (root / "self.png").symlink_to(root / "self.png")
        found = scan(root)
        assert names(found) == ["a.png", "link.png"]
        assert reasons(found) == dict.fromkeys(("lost.png", "self.png"), "a link to nothing")

    def test_loops_of_folders_end(self, tmp_path):
        root = fill(tmp_path, "a/x.png", "b/y.png")
        (root / "a/up").symlink_to(root)
        (root / "a/other").symlink_to(root / "b")
        (root / "b/other").symlink_to(root / "a")
        found = scan(root)
        assert names(found) == ["a/x.png", "b/y.png"]
        assert set(reasons(found)) == {"a/up/", "a/other/", "b/other/"}
        assert all("read already" in reason for reason in reasons(found).values())

    def test_a_picture_is_named_by_where_it_lies_not_by_a_link(self, tmp_path):
        root = fill(tmp_path, "real/deep/x.png")
        (root / "link").symlink_to(root / "real/deep")
        found = scan(root)
        assert names(found) == ["real/deep/x.png"]
        assert set(reasons(found)) == {"link/"}

    def test_a_link_to_a_folder_elsewhere_is_entered_once(self, tmp_path_factory, tmp_path):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        (elsewhere / "far.png").write_bytes(DOT)
        root = fill(tmp_path, "a.png")
        (root / "one").symlink_to(elsewhere)
        (root / "two").symlink_to(elsewhere)
        found = scan(root)
        assert names(found) == ["a.png", "one/far.png"]
        assert set(reasons(found)) == {"two/"}

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        root = fill(tmp_path, "a.png")
        os.mkfifo(root / "pipe.png")
        assert "pipe" in reasons(scan(root))["pipe.png"]

    def test_hidden_folders_are_one_line_each(self, tmp_path):
        found = scan(
            fill(
                tmp_path,
                "a.png",
                ".git/x.png",
                ".git/y/z.png",
                "__MACOSX/._a.png",
                "b/@eaDir/t.png",
            )
        )
        assert names(found) == ["a.png"]
        assert set(reasons(found)) == {".git/", "__MACOSX/", "b/@eaDir/"}

    def test_what_may_not_be_opened_is_named(self, monkeypatch, tmp_path):
        root = fill(tmp_path, "a.png", "secret.png", "unknown", "locked/b.png")
        refused = {root / "secret.png", root / "unknown", root / "locked"}

        def guard(usual):
            def call(path, *args):
                if path in refused:
                    raise PermissionError(13, "Permission denied")
                return usual(path, *args)

            return call

        monkeypatch.setattr(Path, "open", guard(Path.open))
        monkeypatch.setattr(os, "scandir", guard(os.scandir))
        found = scan(root)
        assert names(found) == ["a.png", "secret.png"]
        assert reasons(found) == {
            "locked/": "not entered: Permission denied",
            "unknown": "cannot be opened: Permission denied",
        }
        with pytest.raises(UnreadablePicture, match=r"^cannot be opened: Permission denied$"):
            found.entries[1].open()
        with pytest.raises(UnreadablePicture, match=r"^cannot be opened: Permission denied$"):
            images.read(root / "secret.png")

    def test_a_file_deleted_after_the_scan_is_a_reason(self, tmp_path):
        root = fill(tmp_path, "a.png")
        found = scan(root)
        (root / "a.png").unlink()
        with pytest.raises(UnreadablePicture, match="cannot be opened: No such file"):
            found.entries[0].open()


class TestClasses:
    def test_a_class_is_a_folder_of_the_first_level(self, tmp_path):
        found = scan(
            fill(
                tmp_path,
                "dogs/a.png",
                "cats/2020/b.png",
                "cats/c.png",
                "top.png",
                others={"notes/x.txt": b"text"},
            ),
            classes="folders",
        )
        assert found.class_names == ("cats", "dogs")
        assert labels(found) == {
            "cats/2020/b.png": "cats",
            "cats/c.png": "cats",
            "dogs/a.png": "dogs",
        }
        assert "no class" in reasons(found)["top.png"]
        assert "but a text" in reasons(found)["notes/x.txt"]

    def test_one_folder_around_all_is_a_class_on_disk_but_not_in_a_zip(self, tmp_path):
        files = ("set/0/a.png", "set/0/b.png", "set/1/c.png")
        assert scan(fill(tmp_path, *files), classes="folders").class_names == ("set",)
        assert scan(pack(tmp_path, *files), classes="folders").class_names == ("0", "1")
        assert scan(pack(tmp_path, "0/a.png", "1/b.png"), classes="folders").class_names == (
            "0",
            "1",
        )
        assert scan(pack(tmp_path, "cats/a.png"), classes="folders").class_names == ("cats",)

    @pytest.mark.parametrize("classes", ["none", "folders"])
    def test_only_keeps_one_class(self, classes, tmp_path):
        files = ("x/cats/a.png", "x/dogs/b.png", "x/dogs/old/c.png", "x/d.png")
        found = scan(pack(tmp_path, *files), classes=classes, only="dogs")
        assert names(found) == ["x/dogs/b.png", "x/dogs/old/c.png"]
        assert found.skipped == ()
        assert found.class_names == (("dogs",) if classes == "folders" else ())
        assert {entry.label for entry in found.entries} == {0}

    def test_only_keeps_what_was_skipped_of_that_class(self, tmp_path):
        notes = {"cats/notes.txt": b"text", "dogs/notes.txt": b"text"}
        root = fill(tmp_path, "cats/a.png", "dogs/b.png", others=notes)
        assert set(reasons(scan(root, only="cats"))) == {"cats/notes.txt"}

    def test_an_unknown_class_is_answered_with_the_known_ones(self, tmp_path):
        with pytest.raises(DataError, match=r"No class 'cat' in .*: there are cats, dogs\.$"):
            scan(pack(tmp_path, "cats/a.png", "dogs/b.png"), only="cat")
        with pytest.raises(DataError, match="no folders of pictures"):
            scan(fill(tmp_path, "a.png"), only="cat")

    def test_without_sub_folders_there_are_no_classes(self, tmp_path):
        with pytest.raises(DataError, match="no sub-folders with pictures"):
            scan(fill(tmp_path, "a.png", "b.png"), classes="folders")


class TestErrors:
    def test_a_missing_path_is_named_with_its_neighbour(self, tmp_path):
        root = fill(tmp_path, "photos/a.png")
        with pytest.raises(DataError, match=r"no folder or zip .*photo; did you mean photos\?"):
            scan(root / "photo")
        with pytest.raises(DataError, match="nor the folder"):
            scan(root / "nowhere" / "photos")

    def test_an_empty_argument_is_not_the_working_folder(self):
        with pytest.raises(DataError, match="No folder was named"):
            scan("")

    def test_an_empty_folder_is_said_to_be_empty(self, tmp_path):
        with pytest.raises(DataError, match=r"No pictures in .*: it is empty"):
            scan(tmp_path)

    def test_a_folder_without_pictures_says_what_was_found(self, tmp_path):
        with pytest.raises(DataError, match=r"2 not a picture, but a text \(a.txt, ...\); 1 empty"):
            scan(fill(tmp_path, others={"a.txt": b"hello there", "b.md": b"# title", "c": b""}))

    def test_single_pictures_and_other_files_are_refused(self, tmp_path):
        root = fill(tmp_path, "a.png", others={"b.txt": b"text", "c.tar": bytes(600)})
        with pytest.raises(DataError, match="a single picture: give the folder"):
            scan(root / "a.png")
        for name in ("b.txt", "c.tar"):
            with pytest.raises(DataError, match="neither a folder nor a zip"):
                scan(root / name)


def test_entries_open_in_another_process(tmp_path):
    # Not beside the folder's own pictures, or the zip would be one of its files.
    (folder_entry,) = scan(fill(tmp_path, "a b.png")).entries
    (zip_entry,) = scan(pack(tmp_path, "c/d.png")).entries
    (odd_entry,) = scan(fill(tmp_path / "odd", "\udcff\udc80.png")).entries
    entries = [folder_entry, zip_entry, odd_entry, scan("builtin:digits").entries[-1]]
    assert [pickle.loads(pickle.dumps(entry)) for entry in entries] == entries
    code = (
        "import pickle, sys\n"
        "from ganvas.core import images\n"
        "entries = pickle.loads(sys.stdin.buffer.read())\n"
        "print([images.read(entry.open()).width for entry in entries], 'torch' in sys.modules)"
    )
    assert in_another_process(code, entries).strip() == "[8, 8, 8, 28] False"


def test_streams_begin_at_the_start_and_can_be_rewound(tmp_path):
    for entry in (*scan(fill(tmp_path, "a.png")).entries, *scan(pack(tmp_path, "b.png")).entries):
        with entry.open() as file:
            assert file.read() == DOT
            assert file.seek(0) == 0
            assert file.read(8) == DOT[:8]


def test_tally_groups_by_reason():
    skipped = [Skipped("a", "empty"), Skipped("b", "text"), Skipped("c", "text")]
    assert tally(skipped) == "2 text (b, ...); 1 empty (a)"
