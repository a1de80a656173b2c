"""One file is enough to generate: weights, and how to build the network, in safetensors.

Opening one reads numbers and JSON; nothing in it can be executed. What the header asks for is
checked by `latent.load` before a network is built.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ganvas.core.errors import CheckpointError
from ganvas.core.files import atomic_path
from ganvas.runs.folder import FORMAT, writing

MAX_HEADER_BYTES = 2**20
KEY = "ganvas"


def save_generator(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write weights and header atomically. Raises RunError when the disk refuses."""
    text = json.dumps({"format": FORMAT} | dict(header), allow_nan=False)
    with writing(path), atomic_path(path) as temporary:
        save_file(detached(tensors), temporary, metadata={KEY: text})
        read_header(temporary)


def load_generator_file(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read weights and header. Raises CheckpointError for anything that is not such a file."""
    header = read_header(path)
    try:
        return load_file(path), header
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None


def read_header(path: Path) -> dict[str, Any]:
    """Read the header alone: how the network is built, and what was measured of it."""
    try:
        text = _metadata(path).get(KEY)
        header = json.loads(text) if isinstance(text, str) else None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise CheckpointError(
            f"{path} is not a safetensors file; ganvas opens no others, because .pt and .pkl "
            "files can run code when they are opened; of a StyleGAN2 .pkl it reads the numbers"
        ) from None
    if not isinstance(header, dict):
        raise CheckpointError(f"{path} is a safetensors file, but was not written by ganvas")
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has format {header.get('format')!r}, this ganvas reads format {FORMAT}"
        )
    return header


def detached(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, contiguous and unshared, as safetensors wants them."""
    return {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }


def _metadata(path: Path) -> dict[str, Any]:
    """Read safetensors' own JSON header without trusting the length it claims to have."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > MAX_HEADER_BYTES:
            raise ValueError("the header is too long")
        header = json.loads(file.read(size))
    found = header.get("__metadata__") if isinstance(header, dict) else None
    return found if isinstance(found, dict) else {}
