"""Starting from somebody else's weights: `--from`."""

from pathlib import Path

from torch import Tensor, nn

from ganvas.core.errors import RunError
from ganvas.runs import checkpoint
from ganvas.runs.folder import RunFolder
from ganvas.runs.generator_file import load_generator_file
from ganvas.training.state import TrainState


def load_weights(state: TrainState, start: str, *, root: Path) -> str:
    """Copy the weights that fit from a run (G, its average and D) or a generator file (G alone).

    Returns a sentence that says what was taken. Raises RunError when nothing fits.
    """
    path = Path(start)
    if path.suffix == ".safetensors":
        weights, _ = load_generator_file(path)
        taken = {"G": _copy(state.G, weights), "G_ema": _copy(state.G_ema, weights)}
    else:
        saved = checkpoint.newest(RunFolder.find(root, start))
        if saved is None:
            raise RunError(f"{start} has no checkpoint to start from")
        tensors = saved.tensors("state")
        taken = {
            name: _copy(network, _under(tensors, f"{name}."))
            for name, network in (("G", state.G), ("D", state.D), ("G_ema", state.G_ema))
        }
    if not taken["G"]:
        raise RunError(f"no weight of {start} fits this network: use the same --arch and widths")
    total = len(state.G.state_dict())
    return f"starts from {start}: {taken['G']} of {total} tensors of the generator fit"


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _copy(network: nn.Module, weights: dict[str, Tensor]) -> int:
    own = network.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    network.load_state_dict(fitting, strict=False)
    return len(fitting)
