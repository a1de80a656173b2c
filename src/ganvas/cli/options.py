"""Kinds of flags that several commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Switch = Annotated[bool, Parameter(negative="", show_default=False)]
"""On when given; there is no --no-..."""

Out = Annotated[Path, Parameter(alias="-o")]
"""--out, or -o for short."""
