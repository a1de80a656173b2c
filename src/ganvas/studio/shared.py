"""What all tabs share: where they are, what they say, and errors as sentences."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, ParamSpec, TypeVar

import gradio as gr
from PIL import Image

from ganvas.core.errors import GanvasError
from ganvas.runs.folder import RunFolder
from ganvas.studio import jobs
from ganvas.studio.places import Places
from ganvas.studio.texts import Texts

P = ParamSpec("P")
R = TypeVar("R")
Updates = tuple[Any, ...]
HEAVY = "heavy"
"""Events that compute share this queue, one at a time."""


@dataclass(frozen=True)
class Studio:
    """One page in one language."""

    places: Places
    t: Texts

    def told(self, function: Callable[P, R]) -> Callable[P, R]:
        """Turn whatever goes wrong in an event into one sentence on the page."""

        @functools.wraps(function)
        def safe(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except (GanvasError, OSError) as error:
                text = str(error)
            except gr.Error:
                raise
            except Exception:
                logging.getLogger("ganvas.studio").exception("an event failed")
                text = self.t("error.unexpected")
            # The page takes this for HTML, and a name of a file may be anything.
            raise gr.Error(escape(text), title=self.t("error.title"), print_exception=False)

        return safe

    def step(self, number: int, key: str) -> gr.HTML:
        """A numbered heading with one line of explanation."""
        title, line = escape(self.t(f"{key}.title")), escape(self.t(f"{key}.line"))
        return gr.HTML(f'<h2 class="step"><i>{number}</i>{title}</h2><p class="lead">{line}</p>')

    def runs(self) -> list[str]:
        """Names of all runs, the newest first, and of those about to be made."""
        made = sorted(RunFolder.all(self.places.runs), key=_age, reverse=True)
        names = [run.path.name for run in made]
        return [name for name in reversed(self.coming()) if name not in names] + names

    def coming(self) -> list[str]:
        """Names of the runs that are being trained here or wait for it, the next one first."""
        return [
            str(job.about["run"])
            for job in jobs.all_about(self.places.make("jobs"), kind="train")
            if job.is_alive()
        ]

    def trained(self) -> list[str]:
        """Names of the runs that can make pictures."""
        root = self.places.runs
        return [name for name in self.runs() if (root / name / "generator.safetensors").is_file()]


def enlarged(picture: Image.Image, least_px: int) -> Image.Image:
    """Enlarge a small picture for the screen, by a whole number."""
    times = max(1, round(least_px / max(picture.size)))
    size = picture.width * times, picture.height * times
    return picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)


def _age(run: RunFolder) -> float:
    return (run.path / "config.json").stat().st_mtime
