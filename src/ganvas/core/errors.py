"""Every error a user can meet, in one tree.

GanvasError                  something a person can put right; its text says what, where and how
├── ConfigError              a setting is wrong, or two settings do not go together
├── DataError                the pictures cannot be used
│   └── UnreadablePicture    one single picture; scanning records it and goes on
├── RunError                 a run folder is missing, foreign, in use or full
│   └── CheckpointError      a checkpoint is damaged or does not fit
├── TrainingError            the training itself cannot go on
│   ├── DivergedError        a loss or a weight is not finite any more
│   ├── HopelessError        the guard has tried everything, and ended the training
│   └── MemoryLimitError     the batch does not fit into memory
└── MissingExtraError        an optional library is not installed
"""


class GanvasError(Exception):
    """Base of all errors meant for the user: one sentence, no traceback needed."""


class ConfigError(GanvasError):
    """A setting is wrong, or two settings do not go together."""


class DataError(GanvasError):
    """The pictures cannot be used."""


class UnreadablePicture(DataError):
    """One picture cannot be used; the text is the reason alone, without the name."""


class RunError(GanvasError):
    """A run folder is missing, foreign, in use or full."""


class CheckpointError(RunError):
    """A checkpoint is damaged or does not fit the configuration."""


class TrainingError(GanvasError):
    """The training itself cannot go on."""


class DivergedError(TrainingError):
    """A value that must be finite is not."""


class HopelessError(TrainingError):
    """The guard has tried everything, and ended the training."""


class MemoryLimitError(TrainingError):
    """The batch does not fit into memory and cannot be split with the same mathematics."""


class MissingExtraError(GanvasError):
    """An optional library is not installed; names the extra that brings it."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {library}, which is not installed: pip install 'ganvas[{extra}]'"
        )
