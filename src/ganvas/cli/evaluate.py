"""`ganvas evaluate`: how near a run's pictures are to its real ones, in numbers."""

from pathlib import Path

from rich.table import Table

from ganvas.cli import console
from ganvas.cli.folders import find_run
from ganvas.cli.options import Switch


def evaluate(
    run: str,
    /,
    *,
    metrics: str = "kid,fd,prdc,copies",
    num: int = 2000,
    inception: Path | None = None,
    json: Switch = False,
) -> None:
    """Measure how near a run's pictures are to its real ones.

    Each score stands with its spread (std) and with what real pictures score among themselves
    (floor, real).

    Parameters
    ----------
    run
        A run's folder, its name under runs/, or its number.
    metrics
        kid, fd: distances; prdc: precision, recall, density, coverage; diversity; ms_ssim: are the
        pictures alike; copies: are they training pictures (draws copies.png in the run); fid.
    num
        Pictures to generate for it.
    inception
        The file pt_inception-2015-12-05-6726825d.pth of pytorch-fid, for fid.
    json
        Print one JSON object.
    """
    # After the name is found, so that a mistyped one is said at once.
    path = find_run(run).path
    from ganvas.training.evaluation import evaluate_run

    wanted = tuple(name.strip() for name in metrics.split(","))
    scores = evaluate_run(path, wanted, num=num, inception=inception)
    if json:
        console.print_json(scores)
        return
    table = Table.grid(padding=(0, 2))
    for name, value in scores.items():
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        table.add_row(name.removeprefix("metric/"), shown)
    console.out().print(table)
