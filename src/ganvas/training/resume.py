"""Resume is the same command again: finding the run that a command continues."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganvas.core.config import flat, replace
from ganvas.core.errors import GanvasError, RunError
from ganvas.runs import checkpoint
from ganvas.runs.folder import RunFolder
from ganvas.training.config import TrainConfig
from ganvas.training.plan import Plan, extend_plan

LENGTH = ("kimg", "minutes")
"""Settings that may change when a run goes on: how far, and what is done when it goes wrong."""
MAY_CHANGE = (*LENGTH, "guard", "device", "format", "preset")


@dataclass(frozen=True)
class Continuation:
    """A run that goes on, with what was recorded of it."""

    run: RunFolder
    config: TrainConfig
    plan: Plan | None
    """None when it was stopped before there was one."""
    store: Path
    pictures_changed: bool
    is_finished: bool


def find_continuation(
    config: TrainConfig,
    fingerprint: str,
    *,
    root: Path,
    name: str | None,
    init_from: str | None = None,
    launch: str | None = None,
) -> Continuation | None:
    """Return the named run, or the newest unfinished one with these settings and start weights.

    `launch` accepts only what the processes of this launch began themselves.
    Where there is none, a finished one with the same pictures is returned, so that it can say so.
    Raises RunError when the named run has other settings.
    """
    if name is not None:
        path = root / name
        if not path.exists():
            return None
        run = RunFolder.open(path)
        # Who names a run need not repeat where its weights came from.
        init_from = init_from or run.environment.get("init_from")
        if not _is_of(run, launch):
            return None
        found = _continuation(run, config, fingerprint, init_from)
        if found is None:
            raise RunError(
                f"{path} was trained with other settings ({_difference(path, config, init_from)}); "
                "choose another --run name, or repeat its command to continue it"
            )
        return found
    runs = (run for run in RunFolder.all(root) if _is_of(run, launch))
    by_age = sorted(runs, key=_age_of, reverse=True)
    alike = [c for run in by_age if (c := _continuation(run, config, fingerprint, init_from))]
    unfinished = [c for c in alike if not c.is_finished]
    finished = [c for c in alike if c.is_finished and not c.pictures_changed]
    return next(iter(unfinished + finished), None)


def _is_of(run: RunFolder, launch: str | None) -> bool:
    try:
        return launch is None or run.environment.get("launch") == launch
    except GanvasError:
        return False


def _age_of(run: RunFolder) -> int:
    return (run.path / "config.json").stat().st_mtime_ns


def _continuation(
    run: RunFolder, config: TrainConfig, fingerprint: str, init_from: str | None
) -> Continuation | None:
    try:
        recorded = TrainConfig.from_dict(run.config)
        environment = run.environment
    except GanvasError:
        return None
    if comparable(recorded) != comparable(config) or environment.get("init_from") != init_from:
        return None
    data = environment.get("data", {})
    newest = checkpoint.newest(run)
    plan = None
    if (planned := environment.get("plan")) is not None:
        plan = Plan.from_dict(planned)
        if any(getattr(recorded, key) != getattr(config, key) for key in LENGTH):
            plan = extend_plan(plan, config)
    return Continuation(
        run,
        replace(recorded, **{key: getattr(config, key) for key in MAY_CHANGE}),
        plan,
        Path(data.get("store", "")),
        data.get("fingerprint") != fingerprint,
        plan is not None and newest is not None and newest.nimg >= plan.total_nimg,
    )


def comparable(config: TrainConfig) -> dict[str, Any]:
    """The settings that must be equal for a run to go on; a folder may be spelled in any way."""
    whole = config.to_dict() | {"images": str(Path(config.images).expanduser().resolve())}
    return {key: value for key, value in whole.items() if key not in MAY_CHANGE}


def _difference(path: Path, config: TrainConfig, init_from: str | None) -> str:
    run = RunFolder.open(path)
    recorded = flat(run.config) | {"--from": run.environment.get("init_from")}
    wanted = flat(config.to_dict()) | {"--from": init_from}
    names = sorted(
        name
        for name in recorded.keys() | wanted.keys()
        if recorded.get(name) != wanted.get(name) and name.split(".")[0] not in MAY_CHANGE
    )
    return ", ".join(f"{n} is {recorded.get(n)!r}, not {wanted.get(n)!r}" for n in names[:3])
