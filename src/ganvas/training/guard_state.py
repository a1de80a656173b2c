"""What the guard remembers: plain numbers that travel in a checkpoint and survive a rollback."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ganvas.core.errors import CheckpointError

Phase = Literal["starting", "healthy", "watch", "acting", "rolled back"]


@dataclass
class GuardState:
    """Part of `TrainState`; only `guard` changes it."""

    phase: Phase = "starting"
    trouble: str | None = None
    """What is watched or acted upon."""
    streak: int = 0
    """Checks in a row that spoke for leaving the phase."""
    checks: int = 0
    """Checks since the start or the last rollback."""
    calm_until: int = 0
    """nimg before which nothing is done, so that the last action can show what it does."""
    rate: float = 1.0
    """Factor of both learning rates."""
    rate_d: float = 1.0
    """Further factor of D's."""
    gamma: float = 1.0
    """Factor of the weight of R1 and R2."""
    lasting_rate: float = 1.0
    """What `rate` is where all is well; only a rollback or a return to tried rates moves it."""
    lasting_rate_d: float = 1.0
    lasting_gamma: float = 1.0
    rollbacks: int = 0
    has_eased: bool = False
    """Whether an action was taken back since the last trouble."""
    relapses: int = 0
    """Troubles after that; each makes the next easing wait twice as long."""
    healthy_nimg: int | None = None
    """The snapshot that a rollback returns to."""
    smoothed: dict[str, float] = field(default_factory=dict)
    """Moving averages of the signals over checks."""
    usual: dict[str, float] = field(default_factory=dict)
    """Slow moving averages of the logarithm of gradient norms."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; floats survive JSON bit for bit."""
        return dataclasses.asdict(self)

    def after_rollback(self) -> "GuardState":
        """Forget what was measured, and keep what was decided."""
        return dataclasses.replace(
            self,
            phase="rolled back",
            trouble=None,
            streak=0,
            checks=0,
            calm_until=0,
            smoothed={},
            usual={},
        )

    def factors(self) -> dict[str, float]:
        """What the rates and gamma are multiplied by now."""
        return {"rate": self.rate, "rate_d": self.rate_d, "gamma": self.gamma}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GuardState":
        """Return the state that was saved. Raises CheckpointError when a field is missing."""
        wrong = {f.name for f in dataclasses.fields(cls)} ^ set(values)
        if wrong:
            raise CheckpointError(f"the checkpoint's guard does not fit: {sorted(wrong)[0]}")
        return cls(**values)
