"""The cache folder: where it is, who may work in it, and how large it may grow.

Each entry is a folder with a lock file beside it. Preparing holds the lock alone, an open store
shares it, and an entry is evicted only when nobody holds it; the system frees the locks of a
process that died.
"""

import contextlib
import errno
import os
import shutil
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

from ganvas.core.errors import ConfigError, DataError

GANVAS_CACHE = "GANVAS_CACHE"
GANVAS_CACHE_GB = "GANVAS_CACHE_GB"
DEFAULT_CACHE_GB = 20.0

_POLL_SECONDS = 0.1
_SPARE_BYTES = 16 * 2**20


def cache_root() -> Path:
    """Return GANVAS_CACHE, else XDG_CACHE_HOME/ganvas, else ~/.cache/ganvas; made on first use."""
    named = os.environ.get(GANVAS_CACHE)
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ganvas"


def most_bytes() -> int:
    """Return how large the cache may grow: GANVAS_CACHE_GB, else 20 GB."""
    text = os.environ.get(GANVAS_CACHE_GB, str(DEFAULT_CACHE_GB))
    try:
        size = float(text)
    except ValueError:
        size = -1.0
    if not 0 < size < float("inf"):
        raise ConfigError(f"{GANVAS_CACHE_GB} is {text!r}: give a number of gigabytes, as 20")
    return int(size * 1e9)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a full disk or a read-only cache into one sentence that says what to do."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"The cache {path} cannot be written ({error.strerror or error}): make room there or "
            f"set {GANVAS_CACHE} to another folder."
        ) from error


@contextlib.contextmanager
def alone(entry: Path, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold an entry's lock alone; while another process has it, call `waiting` and try again."""
    while True:
        with writing(entry):
            handle = _lock(entry, shared=False)
        if handle is not None:
            break
        waiting()
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        os.close(handle)


def share(entry: Path, owner: object) -> bool:
    """Keep `entry` from being evicted as long as `owner` lives; False while it is prepared.

    In a cache that cannot be written nothing is evicted either, so no lock is needed.
    """
    try:
        handle = _lock(entry, shared=True)
    except OSError:
        return True
    if handle is None:
        return False
    weakref.finalize(owner, os.close, handle)
    return True


def make_room(entry: Path, *, num_bytes: int) -> None:
    """Evict the least recently used entries beside `entry` until `num_bytes` more in it fit.

    Raises DataError when the cap is too small in any case, OSError when the disk is.
    """
    limit, own = most_bytes(), _size(entry)
    if own + num_bytes > limit:
        raise DataError(
            f"The prepared pictures need {_gigabytes(own + num_bytes)}, more than the cache may "
            f"hold ({_gigabytes(limit)}): set {GANVAS_CACHE_GB} to a larger number or train at a "
            "smaller resolution."
        )
    with alone(entry.with_name("evicting"), waiting=lambda: None):
        others = [path for path in entry.parent.iterdir() if path.is_dir() and path != entry]
        sizes = {path: _size(path) for path in others}
        excess = own + num_bytes + sum(sizes.values()) - limit
        for other in sorted(others, key=lambda path: path.stat().st_mtime):
            if excess > 0 and _evict(other):
                excess -= sizes[other]
    if shutil.disk_usage(entry).free < num_bytes + _SPARE_BYTES:
        raise OSError(errno.ENOSPC, f"{_gigabytes(num_bytes)} more are needed")


def touch(entry: Path) -> None:
    """Remember that `entry` was used now; a cache that cannot be written forgets it."""
    with contextlib.suppress(OSError):
        os.utime(entry)


def _evict(entry: Path) -> bool:
    handle = _lock(entry, shared=False)
    if handle is None:
        return False
    try:
        shutil.rmtree(entry, ignore_errors=True)
        return not entry.exists()
    finally:
        os.close(handle)


def _size(entry: Path) -> int:
    total = 0
    for path in entry.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # its owner is at work
            total += path.stat().st_size
    return total


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:,.1f} GB"


def _lock(entry: Path, *, shared: bool) -> int | None:
    """Return an open handle that holds the lock until it is closed; None if others have it."""
    path = entry.with_name(f"{entry.name}.lock")
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        is_held = _try_lock(handle, shared=shared)
    except BaseException:
        os.close(handle)
        raise
    if not is_held:
        os.close(handle)
    return handle if is_held else None


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int, *, shared: bool) -> bool:
        if shared:  # there is no such lock here, and no need: Windows keeps files that are open
            return True
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(handle: int, *, shared: bool) -> bool:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
