"""Where the studio reads and writes: the runs, its own folder beside them, chosen pictures."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ganvas.core.errors import ConfigError, DataError, RunError
from ganvas.runs.folder import RunFolder

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
BUILTIN = ("builtin:digits", "builtin:emoji")


@dataclass(frozen=True)
class Places:
    """All folders the studio touches; everything it writes is below `runs`."""

    runs: Path
    pictures: tuple[Path, ...]
    """Only pictures below these are read when a path is typed."""

    @property
    def home(self) -> Path:
        """Jobs, uploads, favourites."""
        return self.runs / ".studio"

    def make(self, *names: str) -> Path:
        """Return a folder of the studio's own, made where it is missing."""
        folder = self.home.joinpath(*names)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def source(self, typed: str) -> str:
        """Return what to train on: a folder or zip in an allowed place, or a built-in set.

        Raises DataError; what lies outside is refused before anybody looks whether it exists.
        """
        typed = typed.strip().strip("\"'")
        if typed in BUILTIN:
            return typed
        if not typed:
            raise DataError("type the path of a folder first, or upload pictures")
        try:
            path = (self.pictures[0] / Path(typed).expanduser()).resolve()
        except (ValueError, RuntimeError, OSError):
            raise DataError(f"{typed!r} is not a path") from None
        # The studio's own sets first: they may lie below a chosen folder too, and are hidden there.
        allowed = [(self.home / "sets").resolve(), *(root.resolve() for root in self.pictures)]
        inside = next((root for root in allowed if path.is_relative_to(root)), None)
        if inside is None:
            where = ", ".join(str(root) for root in self.pictures)
            raise DataError(
                f"{typed} is not in {where}: start with ganvas studio --pictures FOLDER"
            )
        if any(part.startswith(".") for part in path.relative_to(inside).parts):
            raise DataError(f"{typed} is in a hidden folder, which the studio does not open")
        if not path.is_dir() and not (path.is_file() and path.suffix.lower() == ".zip"):
            raise DataError(f"{typed} is neither a folder nor a zip")
        return str(path)

    def run(self, name: str | None) -> RunFolder:
        """Open a run by its name. Raises RunError unless it is one of those listed."""
        if name not in {run.path.name for run in RunFolder.all(self.runs)}:
            raise RunError("choose a run first" if not name else f"there is no run {name!r}")
        return RunFolder.open(self.runs / name)

    def free_name(self, wanted: str, source: str, coming: Collection[str]) -> str:
        """Return a run's name: the one wanted, or one made from the pictures and a number.

        `coming` are runs that wait to be made. Raises ConfigError for a name that cannot be.
        """
        wanted = wanted.strip()
        if wanted and not RUN_NAME.fullmatch(wanted):
            raise ConfigError("a run's name is made of the letters a to z, digits, - and _")
        if wanted and self._is_taken(wanted, coming):
            raise ConfigError(f"there is a run {wanted} already: choose another name")
        if wanted:
            return wanted
        stem = slug(Path(source.removeprefix("builtin:")).stem)
        number = 1
        while self._is_taken(f"{stem}-{number}", coming):
            number += 1
        return f"{stem}-{number}"

    def _is_taken(self, name: str, coming: Collection[str]) -> bool:
        return name in coming or (self.runs / name).exists()


def slug(text: str) -> str:
    """Reduce a name to what is safe in any folder: letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "pictures"


def digest(*parts: str) -> str:
    """Shorten a list of names to eight letters that only an equal list has."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:8]
