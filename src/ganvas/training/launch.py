"""Several processes on this machine: the same command line in each, under torchrun's launcher.

The launcher restarts all of them when one dies; they continue from the last checkpoint. Several
machines run `torchrun --nnodes N ... -m -- ganvas train ...` themselves (docs/several-devices.md).
"""

import os
import sys
from collections.abc import Sequence

from ganvas.training.config import TrainConfig

MAX_RESTARTS = 3
INTERRUPTED = 130
FRESH_STORE = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"
"""Shared, the store keeps the addresses of dead processes, and those started anew call them."""


def is_worker() -> bool:
    """Whether a launcher has started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def check(config: TrainConfig, *, devices: int) -> None:
    """Raise ConfigError for what the processes would refuse, before any is started."""
    import torch

    from ganvas.core.device import choose_device
    from ganvas.models import registry
    from ganvas.training.engine import Engine, share_batch_norm, share_evenly

    share_evenly(config.batch_size, devices)
    channels, resolution = config.data.channels, config.data.resolution
    with torch.device("meta"):
        networks = registry.build(config.model, channels=channels, resolution=resolution)
    for network in networks:
        share_batch_norm(network, Engine(choose_device(config.device), world_size=devices))


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
        run_id="ganvas",
        max_restarts=MAX_RESTARTS,
        monitor_interval=0.2,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "ganvas", *arguments)
    except SignalException:
        return INTERRUPTED
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        return abs(failure.exitcode)
    return 0
