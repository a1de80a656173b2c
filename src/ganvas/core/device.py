"""Which device, which precision, which memory format: detected and measured, never assumed."""

import contextlib
import ctypes
import platform
import sys
import time
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.core.errors import ConfigError

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Numerics:
    """How tensors are computed: fixed at a run's first start and kept when it continues."""

    device: torch.device
    precision: Precision

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """bf16 for convolutions and matrix products; weights, losses and optimisers stay fp32."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def to_device(self, images: Tensor) -> Tensor:
        """Move image tensors over; 4-D ones become channels_last, the fast layout everywhere."""
        if images.ndim != 4:
            return images.to(self.device, non_blocking=True)
        return images.to(self.device, memory_format=torch.channels_last, non_blocking=True)

    def place(self, network: nn.Module) -> None:
        """Move a network's weights over, convolutions in channels_last, in place."""
        network.to(self.device)
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def without_autocast(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Let operations compute in the type of their inputs."""
    # Where autocast is off already an export should find nothing to write down.
    if not torch.is_autocast_enabled(device.type):
        return contextlib.nullcontext()
    return torch.autocast(device.type, enabled=False)


def in_fp32(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Widen bf16 and fp16 to fp32; leave fp32 and fp64 alone."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def choose_device(name: str = "auto") -> torch.device:
    """Return the named device, or the best one for "auto" (CUDA, then CPU).

    Apple's "mps" is used only when asked for: its double backward, which penalties need,
    still has gaps. Raises ConfigError when the device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"--device {name} cannot be used here: {reason}") from None
    return device


def choose_precision(device: torch.device) -> Precision:
    """Return "bf16" where this device really is faster with it.

    CUDA says so itself. A CPU is timed on one small convolution, forward and backward:
    with AVX512-BF16 or AMX bf16 takes about half the time, without them up to 50 times more.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type != "cpu":
        return "fp32"
    # In turns, so that a busy moment meets both; the first calls are slow in any precision.
    rounds = [(_conv_seconds(torch.bfloat16), _conv_seconds(torch.float32)) for _ in range(5)]
    bf16, fp32 = (min(times) for times in zip(*rounds, strict=True))
    return "bf16" if bf16 < 0.8 * fp32 else "fp32"


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next step instead of giving it back.

    A step frees and takes the same large blocks again; returning them costs page faults, 10 to
    15 % of a step on a CPU. Other systems' allocators are left alone.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL("libc.so.6")
    m_trim_threshold, m_mmap_threshold = -1, -3
    libc.mallopt(m_mmap_threshold, 2**30)
    libc.mallopt(m_trim_threshold, 2**31 - 1)


def _conv_seconds(dtype: torch.dtype, *, repeats: int = 3) -> float:
    images = torch.ones(8, 64, 16, 16, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.ones(64, 64, 3, 3, dtype=dtype, requires_grad=True)
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        torch.autograd.grad(F.conv2d(images, weight, padding=1).sum(), weight)
        best = min(best, time.perf_counter() - start)
    return best
