"""`ganvas export`: a generator for other programs, or a run as a page."""

from typing import Literal

from ganvas.cli import console
from ganvas.cli.folders import find_model, runs_root
from ganvas.cli.options import Out
from ganvas.latent.export.api import chosen_format


def export(
    run: str,
    /,
    *,
    out: Out,
    format: Literal["safetensors", "onnx", "keras", "html"] | None = None,
) -> None:
    """Write a run's generator for other programs, or the run as a page, into one file.

    ONNX and Keras files are run once, and their pictures compared with those of the run. Keras
    has layers for mlp and dcgan only. The page needs no network and no server.

    Parameters
    ----------
    run
        A run's folder, its name under runs/, its number, an exported file, or a StyleGAN2 .pkl.
    out
        The file: .safetensors, .onnx, .keras or .html.
    format
        The same in words; without it the file's ending decides.
    """
    chosen_format(out, format)
    model = find_model(run)
    from ganvas.latent.export.api import export as write

    out.parent.mkdir(parents=True, exist_ok=True)
    done = write(model, out, format=format, root=runs_root())
    say = console.out()
    written = f"{console.short_path(done.path)}, {console.size(done.num_bytes)}"
    say.print(f"Written: {written}", soft_wrap=True)
    if done.max_difference is not None:
        say.print(
            f"Checked: its pictures differ from the run's by at most {done.max_difference:.1e} "
            "(a grey level is 7.8e-03).",
            soft_wrap=True,
        )
