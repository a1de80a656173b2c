"""The generator file as it is: weights, and in its header how to build the network."""

from pathlib import Path

from ganvas.core.files import write_bytes
from ganvas.latent.load import generator_path, load_generator
from ganvas.models.stylegan2 import official
from ganvas.runs.folder import writing
from ganvas.runs.generator_file import save_generator
from ganvas.runs.pickled import is_pickle, read_networks


def write(run: str | Path, out: Path, *, root: Path) -> None:
    """Copy the file, if it can be loaded; write a StyleGAN2 pickle anew."""
    source = generator_path(run, root=root)
    G = load_generator(source)
    if is_pickle(source):
        save_generator(out, G.state_dict(), official.header(read_networks(source)))
        return
    with writing(out):
        write_bytes(out, source.read_bytes())
