"""`ganvas.export`: a generator for other programs, or a run as a page."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ganvas.core.errors import ConfigError

FORMATS = ("safetensors", "onnx", "keras", "html")
"""Each is the name of a module beside this one, and the ending of its files."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    format: str
    num_bytes: int
    max_difference: float | None
    """Largest difference between the file's pictures and the run's, which are in [-1, 1]; None
    where the file does not compute pictures anew."""


def export(
    run: str | Path, out: str | Path, *, format: str | None = None, root: str | Path = "runs"
) -> Exported:
    """Write a run's generator as .safetensors, .onnx or .keras, or the run as one .html page.

    `run` is a run's folder, its name or number under `root`, or (but for html) an exported file;
    without `format` the ending of `out` decides. ONNX and Keras files are run once, and compared
    with the original, before they get their name. Raises ConfigError for other endings and for
    networks that a format cannot hold, MissingExtraError, RunError.
    """
    out = Path(out)
    kind = chosen_format(out, format)
    writer = import_module(f"ganvas.latent.export.{kind}")
    difference: float | None = writer.write(run, out, root=Path(root))
    return Exported(out, kind, out.stat().st_size, difference)


def chosen_format(out: Path, format: str | None) -> str:
    """Return which format is meant. Raises ConfigError when that is not clear (no torch here)."""
    ending = out.suffix.lower().removeprefix(".")
    if format is not None and format not in FORMATS:
        raise ConfigError(f"there is no format {format!r}; choose from {', '.join(FORMATS)}")
    if ending not in ((format,) if format else FORMATS):
        wanted = f".{format}" if format else " or ".join(f".{one}" for one in FORMATS)
        raise ConfigError(f"{out} must end in {wanted}")
    return ending
