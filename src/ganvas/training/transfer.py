"""Starting from somebody else's weights: `--from`."""

from pathlib import Path

from torch import Tensor, nn

from ganvas.core.errors import RunError
from ganvas.models.stylegan2 import official
from ganvas.runs import checkpoint
from ganvas.runs.folder import RunFolder
from ganvas.runs.generator_file import load_generator_file
from ganvas.runs.pickled import is_pickle, read_networks
from ganvas.training.state import TrainState

Weights = dict[str, dict[str, Tensor]]
"""Network -> tensor name -> tensor."""


def load_weights(state: TrainState, start: str, *, root: Path) -> str:
    """Copy the weights that fit: G, its average and D of a run or of an official StyleGAN2
    pickle, of which nothing is executed; G alone of a generator file.

    Returns a sentence that says what was taken. Raises RunError when nothing fits.
    """
    path = Path(start)
    if is_pickle(path):
        weights = _of_pickle(path)
    elif path.suffix == ".safetensors":
        tensors, _ = load_generator_file(path)
        weights = {"G": tensors, "D": {}, "G_ema": tensors}
    else:
        weights = _of_run(start, root)
    taken = {name: _copy(getattr(state, name), tensors) for name, tensors in weights.items()}
    if not taken["G"]:
        raise RunError(f"no weight of {start} fits this network: use the same --arch and widths")
    sentence = (
        f"starts from {start}: {taken['G']} of {len(state.G.state_dict())} tensors of the "
        f"generator and {taken['D']} of {len(state.D.state_dict())} of the discriminator fit"
    )
    return f"{sentence}; {official.LICENCE}" if is_pickle(path) else sentence


def _of_pickle(path: Path) -> Weights:
    networks = read_networks(path)
    return {
        "G": official.generator(networks, "G"),
        "D": official.discriminator(networks),
        "G_ema": official.generator(networks),
    }


def _of_run(start: str, root: Path) -> Weights:
    saved = checkpoint.newest(RunFolder.find(root, start))
    if saved is None:
        raise RunError(f"{start} has no checkpoint to start from")
    tensors = saved.tensors("state")
    return {name: _under(tensors, f"{name}.") for name in ("G", "D", "G_ema")}


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _copy(network: nn.Module, weights: dict[str, Tensor]) -> int:
    own = network.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    network.load_state_dict(fitting, strict=False)
    return len(fitting)
