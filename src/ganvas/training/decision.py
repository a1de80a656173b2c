"""What the guard decides at a check, as events.jsonl records it."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["watch", "act", "rollback", "stop", "recovered", "data"]


@dataclass(frozen=True)
class Decision:
    """One line of events.jsonl."""

    nimg: int
    kind: Kind
    trouble: str
    action: str
    """What was done; empty when nothing was."""
    sentence: str
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    evidence: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)
