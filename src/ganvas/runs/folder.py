"""A run on disk: a numbered folder with its configuration, logs and pictures (no torch here)."""

import contextlib
import difflib
import json
import math
import os
import re
import socket
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from safetensors import SafetensorError

from ganvas.core.errors import RunError
from ganvas.core.files import append_json_line, is_locked, lock_file, write_bytes, write_json

FORMAT = 1
GANVAS_RUNS = "GANVAS_RUNS"
NUMBERED = re.compile(r"(\d{5,})-")


class RunFolder:
    """One training on disk. Two objects may read the same run; only one may hold its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: BinaryIO | None = None

    @classmethod
    def create(cls, root: Path, name: str | None, slug: str) -> "RunFolder":
        """Make `root/name`, or `root/NNNNN-slug` with the next free number."""
        with writing(root):
            root.mkdir(parents=True, exist_ok=True)
            path = _make_numbered(root, slug) if name is None else _make_named(root, name)
            (path / "samples").mkdir()
            (path / "checkpoints").mkdir()
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open an existing run. Raises RunError when it is not one, or of another format."""
        if not (path / "config.json").is_file():
            reason = "has no config.json" if path.is_dir() else "does not exist"
            raise RunError(f"{path} is not a run: it {reason}")
        run = cls(path)
        found = run.config.get("format")
        if found != FORMAT:
            raise RunError(f"{path} has format {found!r}, this ganvas reads format {FORMAT}")
        return run

    @classmethod
    def all(cls, root: Path) -> "list[RunFolder]":
        """List the runs under `root`, sorted by name, without opening them."""
        paths = root.iterdir() if root.is_dir() else ()
        return [cls(path) for path in sorted(paths) if (path / "config.json").is_file()]

    @classmethod
    def find(cls, root: Path, name: str) -> "RunFolder":
        """Open a run by its path, by its name under `root`, or by its number ("7")."""
        for path in (Path(name), root / name):
            if (path / "config.json").is_file():
                return cls.open(path)
        names = [run.path.name for run in cls.all(root)]
        if name.isdecimal():
            numbered = [n for n in names if (m := NUMBERED.match(n)) and int(m[1]) == int(name)]
            if len(numbered) == 1:
                return cls.open(root / numbered[0])
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[-3:]
        there = f"did you mean {', '.join(close)}?" if close else f"{root} holds no runs yet"
        raise RunError(f"there is no run {name!r} in {root}: {there}")

    @property
    def config(self) -> dict[str, Any]:
        """The complete configuration, as it was given to `write_config`."""
        values = _read_json(self.path / "config.json")
        values.pop("ganvas", None)
        return values

    def write_config(self, values: Mapping[str, Any]) -> None:
        """Write config.json, with the format and this ganvas' version beside the settings."""
        self._write_json("config", {"format": FORMAT, "ganvas": version("ganvas")} | dict(values))

    @property
    def environment(self) -> dict[str, Any]:
        """Command line, versions, device, data fingerprint: what `write_environment` got."""
        return _read_json(self.path / "environment.json")

    def write_environment(self, values: Mapping[str, Any]) -> None:
        """Write environment.json."""
        self._write_json("environment", values)

    def stats(self) -> list[dict[str, Any]]:
        """A dict per tick."""
        return _read_lines(self.path / "stats.jsonl")

    def events(self) -> list[dict[str, Any]]:
        """A dict for everything the guard saw or did."""
        return _read_lines(self.path / "events.jsonl")

    def metrics(self) -> list[dict[str, Any]]:
        """A dict per evaluation."""
        return _read_lines(self.path / "metrics.jsonl")

    def append_stats(self, values: Mapping[str, Any]) -> None:
        """Add a line, with its `nimg`; numbers that are not finite become null."""
        self._append("stats", values)

    def append_events(self, values: Mapping[str, Any]) -> None:
        """Add a line, with its `nimg`; numbers that are not finite become null."""
        self._append("events", values)

    def append_metrics(self, values: Mapping[str, Any]) -> None:
        """Add a line, with its `nimg`; numbers that are not finite become null."""
        self._append("metrics", values)

    def cut_after(self, nimg: int) -> None:
        """Drop what was logged after the checkpoint at `nimg`, before continuing from it.

        Events are cut at the end only: a rollback's own line stands at the nimg it went back to,
        and keeps what led to it.
        """
        self.cut_measurements_after(nimg)
        self._cut("events", nimg, _cut_tail)

    def cut_measurements_after(self, nimg: int) -> None:
        """Drop the stats and metrics of a future that was rolled back; its events stay."""
        self._cut("stats", nimg, _cut_all)
        self._cut("metrics", nimg, _cut_all)

    def samples_path(self, nimg: int) -> Path:
        """Where the sample grid at `nimg` goes; depends on `nimg` alone, so a resume meets it.

        Up to 100 kimg snapshots may be closer than 1 kimg: there the name says nimg in full.
        """
        exact = "" if nimg % 1000 == 0 or nimg >= 100_000 else f"-{nimg}"
        return self.path / "samples" / f"{kimg_name(nimg)}{exact}.png"

    def samples(self) -> list[tuple[int, Path]]:
        """All sample grids with their nimg (to 1 kimg where the name says no more), in order."""
        found = []
        for path in (self.path / "samples").glob("*.png"):
            if match := re.fullmatch(r"(\d+)kimg(?:-(\d+))?", path.stem):
                found.append((int(match[2] or int(match[1]) * 1000), path))
        return sorted(found)

    def lock(self) -> None:
        """Take this run for training. Raises RunError while another process holds it.

        The operating system drops the lock when its holder dies, so none is ever stale; process
        and host are in the file for people to read.
        """
        path = self.path / "trainer.lock"
        with writing(path):
            file = path.open("a+b")
        try:
            lock_file(file)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().decode(errors="replace").strip() or "another process"
            file.close()
            raise RunError(f"{self.path} is being trained already, by {holder}") from None
        except OSError as error:
            warnings.warn(f"{path} cannot be locked ({error.strerror})", stacklevel=2)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        file.flush()
        self._lock = file

    def unlock(self) -> None:
        """Let others train this run; harmless when it is not locked."""
        if self._lock is not None:
            # The file stays: removing it would let two trainers hold two files of one name.
            self._lock.truncate(0)
            self._lock.close()
            self._lock = None

    def is_in_training(self) -> bool:
        """Whether a process holds the lock; a file that a dead one left behind does not count."""
        path = self.path / "trainer.lock"
        # An unlocked file is empty: asking the system only otherwise keeps out of a trainer's way.
        return path.is_file() and path.stat().st_size > 0 and is_locked(path)

    def _write_json(self, name: str, values: Mapping[str, Any]) -> None:
        path = self.path / f"{name}.json"
        with writing(path):
            write_json(path, values)

    def _cut(self, name: str, nimg: int, cut: Callable[..., list[dict]]) -> None:
        path = self.path / f"{name}.jsonl"
        if path.exists():
            kept = cut(_read_lines(path), lambda line: line.get("nimg", 0) > nimg)
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept)
            with writing(path):
                write_bytes(path, text.encode())

    def _append(self, name: str, values: Mapping[str, Any]) -> None:
        assert "nimg" in values, "every line has its nimg"
        path = self.path / f"{name}.jsonl"
        with writing(path):
            _end_torn_line(path)
            append_json_line(path, {key: _finite(value) for key, value in values.items()})


def runs_root() -> Path:
    """Return the folder for runs: GANVAS_RUNS, else `runs` in the working folder."""
    return Path(os.environ.get(GANVAS_RUNS) or "runs").expanduser()


def kimg_name(nimg: int) -> str:
    """Name of a snapshot: 200_000 -> "000200kimg"."""
    return f"{nimg // 1000:06d}kimg"


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a full disk or a read-only folder into one sentence, whichever library met it."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RunError(f"{path} cannot be written: {reason}") from error


def _make_named(root: Path, name: str) -> Path:
    if not name or name != Path(name).name or name.startswith("."):
        raise RunError(f"{name!r} cannot be a run's name: use letters, digits, - and _")
    path = root / name
    try:
        path.mkdir()
    except FileExistsError:
        raise RunError(f"{path} exists already: choose another name") from None
    return path


def _make_numbered(root: Path, slug: str) -> Path:
    """Make `root/NNNNN-slug`; a claim on the number alone keeps two slugs from sharing it."""
    slug = re.sub(r"[^a-z0-9]+", "-", slug.lower()).strip("-")[:60].rstrip("-") or "run"
    number = 0
    while True:
        number = max(_last_number(root), number) + 1
        claim = root / f".{number:05d}"
        with contextlib.suppress(FileExistsError):
            claim.mkdir()
            try:
                if _last_number(root) < number:
                    path = root / f"{number:05d}-{slug}"
                    path.mkdir()
                    return path
            finally:
                claim.rmdir()


def _last_number(root: Path) -> int:
    return max((int(m[1]) for p in root.iterdir() if (m := NUMBERED.match(p.name))), default=0)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from None
    if not isinstance(values, dict):
        raise RunError(f"{path} is damaged: it holds no settings")
    return values


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a log; a torn last line is left out, a damaged one elsewhere is warned about."""
    if not path.exists():
        return []
    found = []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if isinstance(value, dict):
            found.append(value)
        else:
            warnings.warn(f"{path}: line {number} is damaged and left out", stacklevel=3)
    return found


def _cut_all(lines: list[dict], later: Callable[[dict], bool]) -> list[dict]:
    return [line for line in lines if not later(line)]


def _cut_tail(lines: list[dict], later: Callable[[dict], bool]) -> list[dict]:
    end = len(lines)
    while end and later(lines[end - 1]):
        end -= 1
    return lines[:end]


def _end_torn_line(path: Path) -> None:
    """After a crash or a full disk in the middle of a line, start a new one."""
    with path.open("a+b", buffering=0) as file:
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")


def _finite(value: Any) -> Any:
    """JSON has no NaN: other readers would refuse the whole line."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
