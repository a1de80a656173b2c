"""The generator file as it is: weights, and in its header how to build the network."""

from pathlib import Path

from ganvas.core.files import write_bytes
from ganvas.latent.load import generator_path, load_generator
from ganvas.runs.folder import writing


def write(run: str | Path, out: Path, *, root: Path) -> None:
    """Copy the file, if it can be loaded."""
    source = generator_path(run, root=root)
    load_generator(source)
    with writing(out):
        write_bytes(out, source.read_bytes())
