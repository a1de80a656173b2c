"""Results as one JSON line a cell: cells that stand in the file are not measured again."""

import json
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def missing(cells: list[dict[str, Any]], results: Path) -> Iterator[dict[str, Any]]:
    """Yield the cells that no line of the results agrees with in every key."""
    for cell in cells:
        if not any(cell.items() <= line.items() for line in read(results)):
            yield cell


def read(results: Path) -> list[dict[str, Any]]:
    """Read all lines."""
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text().splitlines()]


def record(line: dict[str, Any], results: Path) -> None:
    """Print and append a cell, with the commit and the processor it was measured on."""
    line = line | {"commit": _commit(), "processor": processor()}
    print(json.dumps(line), flush=True)
    results.parent.mkdir(parents=True, exist_ok=True)
    with results.open("a") as file:
        file.write(json.dumps(line) + "\n")


def processor() -> str:
    """Name the processor as Linux does, with the generation that its name hides."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    fields = [
        (key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in lines)
    ]
    names = [value for key, value in fields if key == "model name"]
    if not names:
        return platform.processor()
    # One name covers several generations, of which some are twice as fast in bf16.
    which = dict(reversed(fields))
    return f"{len(names)} x {names[0]} ({which['cpu family']}/{which['model']})"


def _commit() -> str:
    """Name the commit, "-dirty" where code (not results) differs from it."""

    def git(*command: str) -> subprocess.CompletedProcess[str]:
        folder = Path(__file__).parent
        return subprocess.run(["git", *command], capture_output=True, text=True, cwd=folder)

    differs = git("diff", "--quiet", "HEAD", "--", ":/src", ":/benchmarks/*.py").returncode
    return git("describe", "--always").stdout.strip() + ("-dirty" if differs else "")
