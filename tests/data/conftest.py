"""What tests of prepared sets begin with: a cache of their own and a folder of pictures."""

import pytest
from preparing import make_pictures


@pytest.fixture
def cache_dir(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GANVAS_CACHE", str(folder))
    return folder


@pytest.fixture
def folder(tmp_path):
    return make_pictures(tmp_path / "pictures", 7)
