"""What the page says, in three languages: one file each in `strings/`, with equal keys."""

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = {"en": "English", "uk": "Українська", "sr": "Srpski"}


class Texts:
    """One language: `t("train.start")`, `t("train.found", usable=12)`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._values = load(language)

    def __call__(self, key: str, **values: object) -> str:
        """Return a sentence with its values filled in."""
        found = self.find(key)
        assert isinstance(found, str), key
        return found.format(**values) if values else found

    def find(self, key: str) -> Any:
        """Return whatever stands at a key: a text, a list, a table."""
        found: Any = self._values
        for part in key.split("."):
            found = found[part]
        return found

    def choices(self, key: str, values: Sequence[str]) -> list[tuple[str, str]]:
        """Return values with what they are called, as a list to choose from has them."""
        return [(self(f"{key}.{value}"), value) for value in values]

    def duration(self, seconds: float) -> str:
        """Write 40 s, 12 min, 3 h 5 min."""
        whole = max(0, round(seconds))
        if whole < 90:
            return self("time.seconds", n=whole)
        minutes = round(whole / 60)
        if minutes < 90:
            return self("time.minutes", n=minutes)
        return self("time.hours", h=minutes // 60, n=minutes % 60)


@cache
def load(language: str) -> dict[str, Any]:
    """Read a language's file."""
    file = resources.files("ganvas.studio") / "strings" / f"{language}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def preferred(accept_language: str) -> str:
    """Choose a language from a browser's Accept-Language, where its own order counts."""
    wanted = [part.partition(";")[0].strip().lower()[:2] for part in accept_language.split(",")]
    alike = {"hr": "sr", "bs": "sr", "me": "sr"}
    known = [alike.get(one, one) for one in wanted]
    return next((one for one in known if one in LANGUAGES), "en")
