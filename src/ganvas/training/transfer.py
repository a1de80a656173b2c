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
    weights = _with_own_gain(weights, own)
    # Discriminators number their layers from the largest size on: of pictures of another size
    # the same layer stands as far from the end, where each size has a width of its own.
    fitting = max(_fitting(weights, own), _fitting(_from_the_end(weights, own), own), key=len)
    network.load_state_dict(fitting, strict=False)
    return len(fitting)


def _fitting(weights: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}


def _from_the_end(weights: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    further = _count(own, "body") - _count(weights, "body")
    moved = {}
    for name, tensor in weights.items():
        head, number, rest = (*name.split(".", 2), "", "")[:3]
        if head == "body" and number != "0":
            name = f"{head}.{int(number) + further}.{rest}"
        moved[name] = tensor
    return moved


def _with_own_gain(weights: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """StyleGAN2 divides what its n sizes add to a picture by sqrt n; here n may be another."""
    theirs, ours = _count(weights, "to_pixels"), _count(own, "to_pixels")
    if not theirs or theirs == ours:
        return weights
    return {
        name: tensor * (ours / theirs) ** 0.5
        if name.startswith("to_pixels.") and name.endswith(".conv.weight")
        else tensor
        for name, tensor in weights.items()
    }


def _count(weights: dict[str, Tensor], part: str) -> int:
    """How many layers a numbered part has, up to the last one with weights."""
    numbers = [int(name.split(".")[1]) for name in weights if name.startswith(f"{part}.")]
    return max(numbers, default=-1) + 1
