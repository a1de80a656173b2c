"""A run as the page shows it: everything is read from its folder, whoever trains it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from ganvas.core.errors import GanvasError
from ganvas.runs.folder import RunFolder
from ganvas.studio import jobs
from ganvas.studio.drawing import curves, note, progress
from ganvas.studio.jobs import Job
from ganvas.studio.places import Places
from ganvas.studio.texts import Texts
from ganvas.training.troubles import last_standing

EVENTS_SHOWN = 6
FIRST_SECONDS = 2.0
"""Between two looks at a training before its first numbers, ..."""
POLL_SECONDS = 5.0
"""... while it runs, for each look takes something from it, ..."""
IDLE_SECONDS = 10.0
"""... and when nothing runs here: a terminal may go on with any run."""


@dataclass(frozen=True)
class View:
    """One look at a run and the job that trains it."""

    run: RunFolder | None
    job: Job | None
    state: str
    """waiting, running, done, stopped or failed."""
    stats: list[dict[str, Any]]
    total_nimg: int | None

    @property
    def is_busy(self) -> bool:
        """Whether something may change soon."""
        return self.state in ("waiting", "running")

    @property
    def nimg(self) -> int:
        """Pictures shown to D so far."""
        return int(self.stats[-1]["nimg"]) if self.stats else 0

    @property
    def share(self) -> float | None:
        """Part that is done, where the length is known."""
        return min(1.0, self.nimg / self.total_nimg) if self.total_nimg and self.stats else None


def look(places: Places, name: str | None) -> View | None:
    """Look at a run by its name, also while it is still to be made."""
    job = _job_of(places, name) if name else None
    try:
        run = places.run(name)
        total = run.environment.get("plan", {}).get("total_nimg")
        stats = run.stats()
    except GanvasError:
        return View(None, job, job.state, [], None) if job else None
    state: str = job.state if job else "done"
    if run.is_in_training():
        state = "running"
    elif state not in ("waiting", "running", "failed"):
        nimg = stats[-1]["nimg"] if stats else 0
        state = "done" if total and nimg >= total else "stopped"
    return View(run, job, state, stats, total)


def pause(view: View | None) -> float:
    """Seconds until the next look."""
    if view is None or not view.is_busy:
        return IDLE_SECONDS
    return POLL_SECONDS if view.stats else FIRST_SECONDS


def _job_of(places: Places, name: str) -> Job | None:
    """Return the job that trains a run or is about to; else the last that did."""
    found = jobs.all_about(places.make("jobs"), kind="train", run=name)
    return next((job for job in found if job.is_alive()), found[-1] if found else None)


def status(t: Texts, view: View | None) -> str:
    """Say how far it is and how long it takes; why it failed, where it did."""
    if view is None:
        return note(t("train.no_run"))
    name = view.run.path.name if view.run else view.job.about["run"] if view.job else ""
    facts = []
    if view.state == "waiting":
        facts.append(t("job.waits"))
    elif view.state == "running" and not view.stats:
        facts.append(t("train.preparing"))
    if view.stats:
        speed = view.stats[-1].get("time/images_per_second") or 0
        if view.state == "running" and speed and view.total_nimg:
            left = (view.total_nimg - view.nimg) / speed
            facts.append(t("train.time_left", time=t.duration(left)))
            facts.append(t("train.speed", n=round(speed)))
        facts.append(t("train.shown", n=f"{view.nimg:,}".replace(",", " ")))
    if view.run and (standing := last_standing(view.stats, view.run.events())):
        facts.append(t(f"health.{standing}"))
    bar = progress(t, title=name, share=view.share, facts=facts, state=view.state)
    if view.state == "failed" and view.job:
        # Without a run nothing was saved, and there is nothing that Continue could go on from.
        ending = f"{t('job.crashed')} {t('train.go_on')}" if view.run else t("job.crashed")
        bar += note(view.job.complaint() or ending, "bad")
    return bar


def charts(t: Texts, view: View | None) -> str:
    """Draw losses, D's verdicts and what tells of health."""
    if view is None or not view.stats:
        return ""
    return "".join(
        curves(t(f"chart.{key}"), _columns(t, view.stats, names), unit="kimg", top=top)
        for key, names, top in (
            ("loss", {"d": "loss/d", "g": "loss/g"}, None),
            ("accuracy", {"accuracy": "balance/accuracy"}, 1.0),
            ("logits", {"real": "logits/real", "fake": "logits/fake"}, None),
        )
    )


def events(t: Texts, view: View | None) -> str:
    """Tell the last things worth knowing; the newest first."""
    found = view.run.events() if view and view.run else []
    if not found:
        return ""
    rows = "".join(
        f"<li><b>{one['nimg'] / 1000:g} kimg</b> {escape(str(one.get('sentence', '')))}</li>"
        for one in reversed(found[-EVENTS_SHOWN:])
    )
    return f'<div class="events"><strong>{escape(t("train.events"))}</strong><ul>{rows}</ul></div>'


def _columns(
    t: Texts, stats: list[dict[str, Any]], names: Mapping[str, str]
) -> dict[str, list[tuple[float, float | None]]]:
    return {
        t(f"curve.{name}"): [(line["nimg"] / 1000, _finite(line.get(key))) for line in stats]
        for name, key in names.items()
    }


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
