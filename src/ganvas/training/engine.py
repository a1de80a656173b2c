"""The seam to several processes: who am I, which part of the batch is mine, averaging gradients.

Processes, devices and collectives come from Accelerate, started by torchrun's launcher. Gradients
are averaged by one flat all-reduce an optimiser step: DistributedDataParallel's hooks do not fire
under the double backward of a gradient penalty (see docs/decisions/0003-gradients.md).
"""

import atexit
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import Parameter

from ganvas.core.device import choose_device, keep_freed_memory
from ganvas.core.errors import ConfigError

CONNECT_SECONDS = 60
WAIT_SECONDS = 3600


@dataclass(frozen=True)
class Engine:
    """One process among `world_size`; a single process needs no Accelerate."""

    device: torch.device
    rank: int = 0
    world_size: int = 1
    state: Any = None

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def local(self, batch_size: int) -> slice:
        """Which part of the global batch this process works on."""
        share = batch_size // self.world_size
        return slice(self.rank * share, (self.rank + 1) * share)

    def average_gradients(self, parameters: Sequence[Parameter]) -> None:
        """Replace each gradient by its mean over all processes, in one message."""
        if self.world_size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        torch.distributed.all_reduce(flat)
        flat.div_(self.world_size)
        offset = 0
        for gradient in gradients:
            gradient.copy_(flat[offset : offset + gradient.numel()].view_as(gradient))
            offset += gradient.numel()

    def average(self, value: Tensor) -> Tensor:
        """Mean of a tensor over all processes."""
        if self.world_size == 1:
            return value
        value = value.clone()
        torch.distributed.all_reduce(value)
        return value.div_(self.world_size)

    def any(self, flag: bool) -> bool:
        """True everywhere when true anywhere, so that all stop after the same step."""
        if self.world_size == 1:
            return flag
        value = torch.tensor(int(flag), device=self.device)
        torch.distributed.all_reduce(value, op=torch.distributed.ReduceOp.MAX)
        return bool(value.item())

    def broadcast(self, value: Any) -> Any:
        """Give the main process's picklable value to all."""
        if self.world_size == 1:
            return value
        values = [value]
        torch.distributed.broadcast_object_list(values, src=0)
        return values[0]

    def wait(self) -> None:
        """Return once every process has come here."""
        if self.world_size > 1:
            self.state.wait_for_everyone()


def start_engine(device: str, *, batch_size: int, unit: int = 1) -> Engine:
    """Join the processes that torchrun started, or be the only one.

    Raises ConfigError when the batch cannot be shared out evenly, in whole units of pictures.
    """
    keep_freed_memory()
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        return Engine(choose_device(device))
    share_evenly(batch_size, world_size, unit)
    if torch.cuda.is_available():
        # Before anything is put on a GPU: each process would take some memory of the first.
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    from accelerate import PartialState

    _end_with_parent()
    # A process that cannot connect fails soon, so that the launcher tries once more. Later waits
    # may be long: the main process evaluates alone.
    soon, late = timedelta(seconds=CONNECT_SECONDS), timedelta(seconds=WAIT_SECONDS)
    state = PartialState(cpu=choose_device(device).type == "cpu", timeout=soon)
    torch.distributed.distributed_c10d._set_pg_timeout(late, None)
    atexit.register(_leave)
    return Engine(state.device, state.process_index, state.num_processes, state)


def was_restarted() -> bool:
    """Whether the launcher started this process again because one had died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def launch_id() -> str | None:
    """What all processes of one launch have in common; None for a process alone."""
    return os.environ.get("TORCHELASTIC_RUN_ID")


def _leave() -> None:
    """End gloo's threads: the last tensors they hold, freed while Python ends, would abort it."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _end_with_parent() -> None:
    """Let Linux stop this process when its launcher is killed, which it would outlive."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def share_evenly(batch_size: int, world_size: int, unit: int = 1) -> None:
    """Raise ConfigError when the processes cannot all have the same part of a batch."""
    if batch_size % (world_size * unit):
        whole = f" in whole groups of {unit} (cure.pack or loss.penalty_stride)" if unit > 1 else ""
        raise ConfigError(
            f"batch_size {batch_size} cannot be shared by {world_size} processes{whole}"
        )


def share_batch_norm(network: nn.Module, engine: Engine) -> None:
    """Let BatchNorm see the global batch, in place. Raises ConfigError where torch cannot."""
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if engine.world_size == 1 or not norms:
        return
    if engine.device.type != "cuda":
        raise ConfigError(
            "BatchNorm over several CPU processes would normalise each part of the batch alone "
            "(SyncBatchNorm runs on CUDA only); use one process, or a network without BatchNorm "
            "such as --arch resnet"
        )
    nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
