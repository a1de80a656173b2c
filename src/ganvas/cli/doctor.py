"""`ganvas doctor`: how a training is doing, in words and one picture."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ganvas.cli import console
from ganvas.cli.folders import find_run
from ganvas.cli.options import Switch

if TYPE_CHECKING:
    from ganvas.training.doctor import Diagnosis


def doctor(
    run: str,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=("--out", "-o"), show_default=False)] = None,
    json: Switch = False,
) -> None:
    """Explain how a training is doing: what happened, the evidence, and what to type next.

    Reads a finished run or one that is still going on, and draws one picture of it.

    Parameters
    ----------
    run
        A run's folder, its name under runs/, or its number.
    out
        The picture; doctor.png in the run's folder otherwise.
    json
        Print one JSON object.
    """
    found = find_run(run)
    from ganvas.training.chart import draw_chart
    from ganvas.training.doctor import diagnose

    diagnosis = diagnose(found)
    path = out or found.path / "doctor.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_chart(found, path)
    if json:
        console.print_json(asdict(diagnosis) | {"picture": str(path)})
    else:
        _print(diagnosis, path)


def _print(diagnosis: "Diagnosis", picture: Path) -> None:
    page = console.out()
    share = diagnosis.nimg / max(1, diagnosis.total_nimg)
    page.print(f"{diagnosis.headline} ({diagnosis.nimg:,} images, {share:.0%} of the plan)")
    for finding in diagnosis.findings:
        end = f", over at {finding.over_nimg:,}" if finding.over_nimg is not None else ""
        page.print(f"\n- {finding.trouble}, from {finding.nimg:,} images{end}")
        page.print(f"  {finding.sentence}")
        for label, lines in (("evidence", finding.evidence), ("done", finding.actions)):
            for line in lines:
                page.print(f"  {label}: {line}")
        if finding.command:
            page.print(f"  a new run: {finding.command}", soft_wrap=True)
    page.print(f"\nLosses: {diagnosis.losses}")
    page.print(f"\nPictures: {diagnosis.pictures}")
    page.print(f"\nNext: {diagnosis.advice}", soft_wrap=True)
    page.print(f"Picture: {console.short_path(picture)}", soft_wrap=True)
