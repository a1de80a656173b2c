"""`ganvas info`: what is installed, what this machine has, and where things are kept."""

import importlib.util
import os
import platform
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from rich.table import Table

from ganvas.cli import console
from ganvas.cli.folders import runs_root
from ganvas.cli.options import Switch

LIBRARIES = ("torch", "accelerate", "numpy", "pillow", "safetensors", "pydantic", "cyclopts")
EXTRAS = {
    "tensorboard": "tensorboard",
    "heif": "pillow_heif",
    "tiff": "tifffile",
    "export": "onnxruntime",
    "keras": "keras",
    "notebooks": "nbclient",
    "video": "av",
}
"""What pip calls an extra, and the module that it brings."""


def info(*, json: Switch = False) -> None:
    """Show versions, devices, precision, threads, cache, embedded weights and extras.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    found = collect()
    if json:
        console.print_json(found)
    else:
        console.out().print(picture(found))


def collect() -> dict[str, Any]:
    """Ask libraries, devices and folders."""
    import torch

    from ganvas.core.device import choose_device, choose_precision
    from ganvas.data.cache import cache_root

    device = choose_device()
    return {
        "ganvas": metadata.version("ganvas"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": {name: metadata.version(name) for name in LIBRARIES},
        "devices": _devices(),
        "device": str(device),
        "precision": choose_precision(device),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "runs": str(runs_root().absolute()),
        "cache": {"path": str(cache_root()), "bytes": _folder_bytes(cache_root())},
        "embedded": _embedded(),
        "extras": {name: _installed(module) for name, module in EXTRAS.items()},
    }


def picture(found: dict[str, Any]) -> Table:
    """Draw the same facts for people."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    versions = "  ".join(f"{name} {version}" for name, version in found["versions"].items())
    weights = [f"{name} {console.size(num)}" for name, num in found["embedded"].items()]
    extras = [f"{name} {'yes' if there else 'no'}" for name, there in found["extras"].items()]
    for name, text in (
        ("ganvas", f"{found['ganvas']}, Python {found['python']}, {found['system']}"),
        ("libraries", versions),
        ("devices", "  ".join(found["devices"])),
        ("trains on", f"{found['device']} in {found['precision']}"),
        ("threads", f"{found['threads']} of {found['cores']} cores"),
        ("runs", found["runs"]),
        ("cache", f"{found['cache']['path']}, {console.size(found['cache']['bytes'])}"),
        ("embedded", "  ".join(weights)),
        ("extras", "  ".join(extras)),
    ):
        table.add_row(name, text)
    return table


def _devices() -> list[str]:
    import torch

    names = [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return ["cpu", *names]


def _embedded() -> dict[str, int]:
    """Sizes of the weights that ship inside the package."""
    with resources.as_file(resources.files("ganvas.features")) as folder:
        return {path.name: path.stat().st_size for path in sorted(folder.rglob("*.safetensors"))}


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
