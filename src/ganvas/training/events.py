"""What a session tells its reader: the terminal, the web page, a notebook, a test."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Started:
    """Pictures are prepared, the run folder is there, training begins or goes on."""

    run: Path
    nimg: int
    total_nimg: int
    continued: bool
    images_per_second: float
    """Measured for the plan; 0 where the length was given in kimg."""


@dataclass(frozen=True)
class Stepped:
    """One step is done; costs nothing."""

    nimg: int
    total_nimg: int


@dataclass(frozen=True)
class Ticked:
    """A line of stats was written."""

    nimg: int
    total_nimg: int
    seconds: float
    """Time spent training, over all sittings."""
    eta_seconds: float
    images_per_second: float
    stats: dict[str, float]
    health: str = ""
    """How the training is doing, in a word or two; empty when nobody watches."""


@dataclass(frozen=True)
class Snapshotted:
    """A checkpoint and a sample grid were written."""

    nimg: int
    samples: Path


@dataclass(frozen=True)
class Evaluated:
    """The averaged generator was compared with real pictures."""

    nimg: int
    metrics: dict[str, float]
    best: bool
    """The best so far: it is in generator.safetensors now."""


@dataclass(frozen=True)
class Noted:
    """Something a person should know, in one sentence."""

    nimg: int
    sentence: str
    kind: str = "note"
    """For what the guard saw or did: watch, act, rollback, stop, recovered, data."""


@dataclass(frozen=True)
class Finished:
    """The end of this sitting."""

    run: Path
    nimg: int
    total_nimg: int
    interrupted: bool
    """Stopped before the end; the same command continues."""
    already: bool
    """There was nothing left to do."""


Event = Started | Stepped | Ticked | Snapshotted | Evaluated | Noted | Finished
