"""`ganvas evaluate`: how near a run's pictures are to its real ones, in numbers."""

from rich.table import Table

from ganvas.cli import console
from ganvas.cli.folders import find_run
from ganvas.cli.options import Switch


def evaluate(
    run: str,
    /,
    *,
    metrics: str = "kid,fd",
    num: int = 2000,
    json: Switch = False,
) -> None:
    """Measure how near a run's pictures are to its real ones.

    A score of 0 cannot be told from real; its floor is what real pictures score themselves.

    Parameters
    ----------
    run
        A run's folder, or its name under runs/.
    metrics
        kid: kernel distance; fd: Frechet distance; both of VGG-19 features.
    num
        Pictures to generate for it.
    json
        Print one JSON object.
    """
    # After the name is found, so that a mistyped one is said at once.
    path = find_run(run).path
    from ganvas.training.evaluation import evaluate_run

    wanted = tuple(name.strip() for name in metrics.split(","))
    scores = evaluate_run(path, wanted, num=num)
    if json:
        console.print_json(scores)
        return
    table = Table.grid(padding=(0, 2))
    for name, value in scores.items():
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        table.add_row(name.removeprefix("metric/"), shown)
    console.out().print(table)
