"""The store: right pixels, prepared once, by two processes, through kills."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image
from preparing import CONFIG, assert_same, make_pictures, must_not_decode, run_python

from ganvas.core import images
from ganvas.core.errors import ConfigError, DataError
from ganvas.data import filling, workers
from ganvas.data.config import DataConfig
from ganvas.data.decode import to_channels
from ganvas.data.scan import scan
from ganvas.data.store import load_store, prepare

pytestmark = pytest.mark.usefixtures("cache_dir")


def assert_rows_are(store, paths, *, fit="crop"):
    for row, path in zip(store.images, paths, strict=True):
        pixels = images.read(path).pixels
        assert np.array_equal(
            row, images.fit(pixels, size_px=(16, 16), how=fit, background="#204060")
        )


# what is in it


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_rows_are_the_pictures_brought_to_one_size(folder, fit):
    store = prepare(folder, DataConfig(resolution=16, fit=fit, background="#204060"))
    assert_rows_are(store, sorted(folder.iterdir()), fit=fit)


def test_one_channel_is_the_brightness_as_pillow_has_it(folder):
    store = prepare(folder, DataConfig(resolution=16, channels=1))
    colour = prepare(folder, CONFIG)
    assert store.images.shape == (7, 16, 16, 1)
    for row, rgb in zip(store.images, colour.images, strict=True):
        assert np.array_equal(row[..., 0], np.asarray(Image.fromarray(rgb).convert("L")))


def test_grey_stays_exactly_what_it_is():
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_channels(np.stack([levels] * 3, -1), 1)[:, 0], levels)


def test_batch_keeps_the_order_asked_for_and_gives_labels_with_classes(tmp_path):
    for label, name in enumerate(["cat", "ant", "bee"]):
        make_pictures(tmp_path / "all" / name, 3, seed=label)
    store = prepare(tmp_path / "all", DataConfig(resolution=16, classes="folders"))
    assert store.class_names == ("ant", "bee", "cat")
    assert store.num_classes == 3
    indices = np.array([8, 0, 4, 4])
    pictures, labels = store.batch(indices)
    assert labels.tolist() == [2, 0, 1, 1]
    assert np.array_equal(pictures, np.stack([store.images[k] for k in indices]))
    assert prepare(tmp_path / "all", CONFIG).batch(indices)[1] is None


def test_bad_pictures_are_skipped_with_a_reason_and_never_fatal(folder):
    whole = (folder / "0000.png").read_bytes()
    (folder / "0001.png").write_bytes(b"")
    (folder / "0002.png").write_bytes(whole[: len(whole) // 2])
    (folder / "0003.png").write_text("I am not a picture")
    Image.new("RGB", (5, 40)).save(folder / "0004.png")
    store = prepare(folder, CONFIG)
    reasons = {one.name: one.reason for one in store.skipped}
    assert list(reasons) == ["0001.png", "0002.png", "0003.png", "0004.png"]
    assert reasons["0004.png"] == ("too small: a side is shorter than 8 pixels (data.min_size_px)")
    assert_rows_are(store, [folder / f"000{k}.png" for k in (0, 5, 6)])


def test_no_usable_picture_at_all_is_an_error_that_says_why(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"None of the pictures .* empty: the file has 0 bytes"):
        prepare(tmp_path, CONFIG)


def test_exact_copies_are_skipped_naming_the_first(folder):
    shutil.copy(folder / "0002.png", folder / "0001b.png")
    shutil.copy(folder / "0002.png", folder / "z.png")
    store = prepare(folder, CONFIG)
    assert [(one.name, one.reason) for one in store.skipped] == [
        ("0002.png", "a copy: the same file as 0001b.png"),
        ("z.png", "a copy: the same file as 0001b.png"),
    ]
    used = sorted({path.name for path in folder.iterdir()} - {"0002.png", "z.png"})
    assert_rows_are(store, [folder / name for name in used])


def test_points_in_a_plane_are_no_pictures(folder):
    with pytest.raises(ConfigError, match="channels"):
        prepare(folder, DataConfig(resolution=1, channels=2))


# the fingerprint


def test_fingerprint_does_not_depend_on_place_or_mirroring(folder, tmp_path):
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    first = prepare(folder, CONFIG)
    assert prepare(moved, CONFIG).fingerprint == first.fingerprint
    assert prepare(folder, DataConfig(resolution=16, mirror=True)).path == first.path


def test_fingerprint_depends_on_contents_names_labels_and_settings(tmp_path):
    first = make_pictures(tmp_path / "first" / "a", 3).parent
    renamed = shutil.copytree(first, tmp_path / "renamed")
    (renamed / "a" / "0002.png").rename(renamed / "a" / "0003.png")
    changed = shutil.copytree(first, tmp_path / "changed")
    Image.new("RGB", (24, 20)).save(changed / "a" / "0002.png")
    fingerprints = [
        prepare(folder, config).fingerprint
        for folder in (first, renamed, changed)
        for config in (CONFIG, DataConfig(resolution=16, fit="pad"))
    ]
    assert len(set(fingerprints)) == 6
    (first / "Zero").mkdir()
    (first / "Zero" / "broken.png").touch()
    classes = DataConfig(resolution=16, classes="folders")
    with_one_more = prepare(first, classes)
    (first / "Zero" / "broken.png").unlink()
    without = prepare(first, classes)
    assert np.array_equal(with_one_more.images, without.images)
    assert with_one_more.labels.tolist() == [1, 1, 1]
    assert with_one_more.fingerprint != without.fingerprint


# prepared once


def test_the_second_time_nothing_is_decoded(folder, monkeypatch):
    first = prepare(folder, CONFIG)
    must_not_decode(monkeypatch)
    assert_same(prepare(folder, CONFIG), first)
    assert_same(load_store(first.path), first)


def test_a_changed_picture_makes_a_new_set_and_the_old_one_stays(folder):
    old = prepare(folder, CONFIG)
    Image.new("RGB", (24, 20)).save(folder / "0003.png")
    new = prepare(folder, CONFIG)
    assert new.path != old.path
    assert not np.array_equal(new.images[3], old.images[3])
    assert load_store(old.path).fingerprint == old.fingerprint


def test_load_store_says_when_a_set_is_gone(folder, tmp_path):
    with pytest.raises(DataError, match="no prepared pictures"):
        load_store(tmp_path / "nowhere")
    store = prepare(folder, CONFIG)
    (store.path / filling.STORE).unlink()
    with pytest.raises(DataError, match="no prepared pictures"):
        load_store(store.path)


def test_a_damaged_set_is_prepared_again(folder):
    first = prepare(folder, CONFIG)
    path, pixels = first.path, np.array(first.images)
    del first
    os.truncate(path / filling.IMAGES, 100)
    assert np.array_equal(prepare(folder, CONFIG).images, pixels)


def test_a_grey_set_is_made_from_a_colour_set_without_decoding(folder, monkeypatch, tmp_path):
    shutil.copy(folder / "0002.png", folder / "z.png")
    grey = DataConfig(resolution=16, channels=1)
    direct = prepare(folder, grey, cache_dir=tmp_path / "direct")
    prepare(folder, CONFIG)
    monkeypatch.setattr(workers, "decode", lambda *_: pytest.fail("decoded again"))
    assert_same(prepare(folder, grey), direct)


def test_what_prepare_keeps_for_a_picture_is_plain_json(folder):
    store = prepare(folder, CONFIG)
    values = json.loads((store.path / filling.STORE).read_text())
    assert values["num"] == len(scan(folder).entries) == 7


# interrupted


class StopHereError(Exception):
    pass


def stop_after(num):
    def progress(done, total):
        if done >= num:
            raise StopHereError

    return progress


def test_an_interrupted_preparation_goes_on(folder, monkeypatch, tmp_path):
    straight = prepare(folder, CONFIG, cache_dir=tmp_path / "straight")
    monkeypatch.setattr(workers, "_CHUNK_PICTURES", 2)
    with pytest.raises(StopHereError):
        prepare(folder, CONFIG, progress=stop_after(4))
    seen = []
    store = prepare(folder, CONFIG, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4, 7), (6, 7), (7, 7)]
    assert_same(store, straight)


def test_a_disk_that_goes_away_stops_the_work_and_nothing_is_lost(folder, monkeypatch, tmp_path):
    straight = prepare(folder, CONFIG, cache_dir=tmp_path / "straight")
    monkeypatch.setattr(workers, "_CHUNK_PICTURES", 2)

    def unplug(done, total):
        if done == 4:
            folder.rename(tmp_path / "unplugged")

    with pytest.raises(DataError, match="is gone while its pictures were read"):
        prepare(folder, CONFIG, progress=unplug)
    (tmp_path / "unplugged").rename(folder)
    seen = []
    assert_same(prepare(folder, CONFIG, progress=lambda done, _: seen.append(done)), straight)
    assert seen[0] == 4


def test_one_picture_that_goes_away_is_skipped(folder, monkeypatch):
    monkeypatch.setattr(workers, "_CHUNK_PICTURES", 2)
    gone = folder / "0005.png"
    store = prepare(folder, CONFIG, progress=lambda done, _: gone.unlink(missing_ok=True))
    assert [one.name for one in store.skipped] == ["0005.png"]
    assert len(store) == 6


def test_whatever_a_crash_leaves_the_result_is_the_same(folder, monkeypatch, tmp_path):
    (folder / "0003.png").write_bytes(b"broken")
    shutil.copy(folder / "0002.png", folder / "0004.png")
    monkeypatch.setattr(workers, "_CHUNK_PICTURES", 2)
    straight = prepare(folder, CONFIG, cache_dir=tmp_path / "straight")
    shares = itertools.product([0, 0.4, 0.9, 0.999, 1], [0, 0.5, 0.999, 1, 1.5])
    for number, (journal, pixels) in enumerate(shares):
        root = tmp_path / str(number)
        crashed = shutil.copytree(straight.path, root / "pictures" / straight.path.name)
        (crashed / filling.STORE).unlink()
        for name, share in [(filling.PICTURES, journal), (filling.IMAGES, pixels)]:
            os.truncate(crashed / name, int(share * (crashed / name).stat().st_size))
        store = prepare(folder, CONFIG, cache_dir=root)
        assert_same(store, straight)
        facts = [list(filling.read_facts(one.path / filling.PICTURES)) for one in (store, straight)]
        assert facts[0] == facts[1]


PREPARE = """
import sys
from ganvas.data.config import DataConfig
from ganvas.data.store import prepare
def report(done, total):
    print(done, flush=True)
store = prepare(sys.argv[1], DataConfig(resolution=16), progress=report, processes=int(sys.argv[2]))
print(store.fingerprint, flush=True)
"""


@pytest.mark.slow
def test_a_killed_preparation_goes_on(tmp_path):
    folder = make_pictures(tmp_path / "pictures", 600)
    with run_python(PREPARE, folder, 2) as process:
        while int(process.stdout.readline()) < 128:
            pass
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    seen = []
    store = prepare(folder, CONFIG, progress=lambda done, _: seen.append(done))
    assert 128 <= seen[0] < 600
    assert_same(store, prepare(folder, CONFIG, cache_dir=tmp_path / "straight", processes=1))


def test_of_two_at_once_one_works_and_the_other_waits(tmp_path):
    folder = make_pictures(tmp_path / "pictures", 600)
    both = [run_python(PREPARE, folder, 1) for _ in range(2)]
    said = [process.communicate()[0].split() for process in both]
    assert said[0][-1] == said[1][-1]
    worked = [{int(word) for word in words[:-1]} - {0} for words in said]
    assert sorted(map(len, worked)) == [0, 5]


# worker processes


def test_workers_give_what_one_process_gives_also_from_a_thread(tmp_path, cache_dir):
    folder = make_pictures(tmp_path / "pictures", 210, size=(12, 12))
    (folder / "0100.png").write_bytes(b"broken")
    stores = []
    thread = threading.Thread(target=lambda: stores.append(prepare(folder, CONFIG)))
    thread.start()
    thread.join()
    assert_same(stores[0], prepare(folder, CONFIG, cache_dir=cache_dir / "one", processes=1))


def test_a_script_without_a_main_guard_runs_once(tmp_path):
    folder = make_pictures(tmp_path / "pictures", 210, size=(12, 12))
    script = tmp_path / "script.py"
    script.write_text(PREPARE)
    # A file beside the script that is named like a module must not reach the workers.
    (tmp_path / "numpy.py").write_text("raise SystemExit('wrong numpy')")
    command = [sys.executable, "-P", str(script), str(folder), "2"]
    said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert said.stdout.split()[:-1] == ["0", "128", "210"]
    assert said.stderr == ""
