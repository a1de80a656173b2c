"""The cache of prepared sets: its cap, full disks, and where it lies."""

import os
import shutil
import time
from pathlib import Path

import pytest
from preparing import CONFIG, assert_same, make_pictures, must_not_decode, run_python

from ganvas.core.errors import ConfigError, DataError
from ganvas.data import cache
from ganvas.data.config import DataConfig
from ganvas.data.store import prepare

pytestmark = pytest.mark.usefixtures("cache_dir")


def cap_at(monkeypatch, num_sets, folder):
    one = sum(path.stat().st_size for path in folder.iterdir())
    monkeypatch.setenv("GANVAS_CACHE_GB", str((num_sets + 0.5) * one / 1e9))


def test_the_least_recently_used_set_makes_room_unless_it_is_open(tmp_path, monkeypatch):
    folders = [make_pictures(tmp_path / str(k), 6, seed=k) for k in range(5)]
    held = prepare(folders[0], CONFIG)
    paths = [held.path] + [prepare(folder, CONFIG).path for folder in folders[1:3]]
    for age, path in enumerate(reversed(paths)):
        os.utime(path, (time.time() - 100 - age,) * 2)
    cap_at(monkeypatch, 3, held.path)
    paths.append(prepare(folders[3], CONFIG).path)
    assert [path.exists() for path in paths] == [True, False, True, True]
    os.utime(paths[3], (time.time() - 50,) * 2)
    prepare(folders[2], CONFIG)  # used: now the youngest
    paths.append(prepare(folders[4], CONFIG).path)
    assert [path.exists() for path in paths] == [True, False, True, False, True]


def test_a_set_larger_than_the_cap_is_refused_before_any_work(folder, monkeypatch):
    monkeypatch.setenv("GANVAS_CACHE_GB", "0.000001")
    must_not_decode(monkeypatch)
    with pytest.raises(DataError, match="GANVAS_CACHE_GB"):
        prepare(folder, CONFIG)


@pytest.mark.parametrize("text", ["much", "0", "nan", "inf", "-3"])
def test_a_cap_that_is_no_size_is_refused(folder, monkeypatch, text):
    monkeypatch.setenv("GANVAS_CACHE_GB", text)
    with pytest.raises(ConfigError, match="GANVAS_CACHE_GB"):
        prepare(folder, CONFIG)


def test_a_full_disk_is_seen_before_any_work(folder, monkeypatch):
    usage = shutil.disk_usage(folder)._replace(free=1000)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage)
    must_not_decode(monkeypatch)
    with pytest.raises(DataError, match=r"cannot be written .* set GANVAS_CACHE"):
        prepare(folder, CONFIG)


LIMITED = """
import resource, sys
from ganvas.core.errors import DataError
from ganvas.data.config import DataConfig
from ganvas.data.store import prepare
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
try:
    prepare(sys.argv[1], DataConfig(resolution=64))
except DataError as error:
    print(error)
"""


def test_a_disk_that_fills_up_meanwhile_is_one_clear_sentence_and_can_be_continued(tmp_path):
    folder = make_pictures(tmp_path / "pictures", 190, size=(10, 10))
    with run_python(LIMITED, folder) as process:
        said = process.stdout.read()
    assert "cannot be written" in said
    assert "GANVAS_CACHE" in said
    assert process.returncode == 0
    config = DataConfig(resolution=64)
    straight = prepare(folder, config, cache_dir=tmp_path / "straight")
    assert_same(prepare(folder, config), straight)


def test_a_cache_that_cannot_be_written_names_the_way_out(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match=r"cannot be written .* set GANVAS_CACHE"):
        prepare(folder, CONFIG)


def test_cache_root_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_root() == Path(os.environ["GANVAS_CACHE"])
    monkeypatch.delenv("GANVAS_CACHE")
    assert cache.cache_root() == tmp_path / "ganvas"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_root() == Path.home() / ".cache" / "ganvas"
