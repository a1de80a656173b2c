"""Several processes on this machine: the same command line in each, under torchrun's launcher.

Light: whoever ends with an error asks here whether a launch has to know of it.

The launcher restarts all of them when one dies; they continue from the last checkpoint. Several
machines run `torchrun --nnodes N ... -m -- ganvas train ...` themselves (docs/several-devices.md).
"""

import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ganvas.core.errors import ConfigError

if TYPE_CHECKING:
    from ganvas.training.config import TrainConfig

MAX_RESTARTS = 3
INTERRUPTED = 130
FRESH_STORE = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"
"""Shared, the store keeps the addresses of dead processes, and those started anew call them."""


ENDED = "GANVAS_ENDED"
"""Names the file for the exit code of an end that a restart would only meet again."""


def is_worker() -> bool:
    """Whether a launcher has started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def end_all(code: int) -> None:
    """Note that this process of a launch ends for a reason that a restart would only meet again."""
    if ENDED in os.environ:
        Path(os.environ[ENDED]).write_text(str(code), encoding="ascii")


def has_ended() -> bool:
    """Whether a process of this launch has noted such an end: those started anew leave at once."""
    return ENDED in os.environ and Path(os.environ[ENDED]).exists()


def check(config: "TrainConfig", *, devices: int) -> None:
    """Raise ConfigError for what the processes would refuse, before any is started."""
    import torch

    from ganvas.models import registry
    from ganvas.training.engine import Engine, share_batch_norm, share_evenly

    share_evenly(config.batch_size, devices, config.unit)
    # Nothing is put on a GPU here: this process lives as long as the training.
    has_cuda = torch.cuda.is_available()
    device = torch.device(
        config.device if config.device != "auto" else "cuda" if has_cuda else "cpu"
    )
    if device.index is not None:
        raise ConfigError(f"--device {config.device} is one device: --devices {devices} takes cuda")
    if device.type == "cuda" and devices > torch.cuda.device_count():
        raise ConfigError(f"--devices {devices}: this machine has {torch.cuda.device_count()} GPUs")
    channels, resolution = config.data.channels, config.data.resolution
    with torch.device("meta"):
        networks = registry.build(config.model, channels=channels, resolution=resolution)
    for network in networks:
        share_batch_norm(network, Engine(device, world_size=devices))


def launch(arguments: Sequence[str], *, devices: int) -> int:
    """Run `python -m ganvas ARGUMENTS` once a device, and return the exit code.

    A command and not a function is launched: it ends within seconds of a signal.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # All processes share the cores; torch would start as many threads as cores in each.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // devices)))
    os.environ.setdefault(FRESH_STORE, "1")
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=devices,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        run_id=f"ganvas-{secrets.token_hex(8)}",
        max_restarts=MAX_RESTARTS,
        monitor_interval=0.2,
    )
    with tempfile.TemporaryDirectory() as place:
        ended = Path(place, "ended")
        os.environ[ENDED] = str(ended)
        try:
            elastic_launch(config, sys.executable)("-m", "ganvas", *arguments)
        except SignalException:
            return INTERRUPTED
        except ChildFailedError as error:
            _, failure = error.get_first_failure()
            return abs(failure.exitcode)
        finally:
            del os.environ[ENDED]
        return int(ended.read_text(encoding="ascii")) if ended.exists() else 0
