"""A trained generator from a run or a file, built only after its header was checked."""

import warnings
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator, ConfigDict, Field, SerializeAsAny, field_validator
from torch import Tensor

from ganvas.core.canvas import Resolution, parse
from ganvas.core.config import Config
from ganvas.core.device import Numerics, choose_device, choose_precision
from ganvas.core.errors import CheckpointError, RunError
from ganvas.latent.fold import compute_in_bf16, fold_batch_norm
from ganvas.models import registry
from ganvas.models.base import Generator
from ganvas.models.registry import ModelConfig
from ganvas.models.stylegan2 import official
from ganvas.runs.folder import RunFolder
from ganvas.runs.generator_file import load_generator_file
from ganvas.runs.pickled import is_pickle, read_networks


class Header(Config):
    """What the header of generator.safetensors says about the network."""

    # A later ganvas may note more about a generator without changing how it is built.
    model_config = ConfigDict(extra="ignore")

    model: SerializeAsAny[ModelConfig]
    channels: Annotated[int, Field(ge=1, le=4)]
    resolution: Annotated[Resolution, BeforeValidator(parse)]
    num_classes: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    class_names: tuple[str, ...] = ()

    @field_validator("model", mode="before")
    @classmethod
    def _model_by_arch(cls, value: Any) -> ModelConfig:
        if not isinstance(value, dict) or not isinstance(value.get("arch"), str):
            raise ValueError("the network's settings name no arch")
        return registry.parse(value)


def load_generator(
    run: str | Path, *, device: str = "cpu", fast: bool = False, root: str | Path = "runs"
) -> Generator:
    """Return the averaged generator in eval mode, with its `class_names`.

    `run` is a run's folder, its name or number under `root`, an exported file, or a .pkl of the
    official StyleGAN2 for PyTorch, of which nothing is executed. `fast` folds
    BatchNorm away and computes in bf16 where the device is good at it: pictures differ by a few
    of 255 grey levels, the weights are no longer those of the file.
    Raises RunError when there is none, CheckpointError when it is damaged or not one of ours.
    """
    path = generator_path(run, root=root)
    tensors, values = _read(path)
    header = _checked(path, values)
    # On the meta device nothing is allocated: a header cannot ask for more than the file holds.
    with torch.device("meta"):
        G, _ = registry.build(
            header.model,
            channels=header.channels,
            resolution=header.resolution,
            num_classes=header.num_classes,
        )
    _assign(G, tensors, path)
    G = fold_batch_norm(G) if fast else G.eval()
    vars(G)["class_names"] = header.class_names
    found = choose_device(device)
    if fast and choose_precision(found) == "bf16":
        compute_in_bf16(G)
    Numerics(found, "fp32").place(G)
    return G


def generator_path(run: str | Path, *, root: str | Path = "runs") -> Path:
    """Return the generator file that `run` means. Raises RunError when there is none."""
    if Path(run).is_file():
        return Path(run)
    folder = RunFolder.find(Path(root), str(run))
    path = folder.path / "generator.safetensors"
    if not path.is_file():
        raise RunError(f"{folder.path} has no generator yet: let it train to its first snapshot")
    return path


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a generator file, or a StyleGAN2 pickle as if it were one."""
    if not is_pickle(path):
        return load_generator_file(path)
    warnings.warn(f"{path}: {official.LICENCE}", stacklevel=2)
    networks = read_networks(path)
    return official.generator(networks), official.header(networks)


def _assign(G: Generator, tensors: dict[str, Tensor], path: Path) -> None:
    """Put the file's tensors into a network on the meta device, if it has just these."""
    wanted = G.state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in wanted.items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        odd = min(name for name, _ in expected.items() ^ found.items())
        raise CheckpointError(
            f"{path} does not fit its own header: {odd} is {found.get(odd, 'missing')} "
            f"where the network has {expected.get(odd, 'nothing of that name')}"
        )
    same_type = {name: tensor.to(wanted[name].dtype) for name, tensor in tensors.items()}
    G.load_state_dict(same_type, assign=True)
    G.requires_grad_(False)


def _checked(path: Path, values: dict[str, Any]) -> Header:
    header = Header.from_dict(values)
    problem = header.model.problem_with(resolution=header.resolution, alone=False)
    if problem is None and header.class_names and len(header.class_names) != header.num_classes:
        problem = f"{len(header.class_names)} names for {header.num_classes} classes"
    if problem:
        raise CheckpointError(f"{path} describes a network that cannot be: {problem}")
    return header
