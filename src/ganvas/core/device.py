"""Which device, which precision, which memory format: detected and measured, never assumed."""

import contextlib
import ctypes
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.core.errors import ConfigError

Precision = Literal["fp32", "bf16"]

CLEARLY = 1.1
"""So many times as fast must fewer threads be to be chosen."""


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
    still has gaps. CUDA is told to compute the same numbers every time. Raises ConfigError when
    the device is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"--device {name} cannot be used here: {reason}") from None
    if device.type == "cuda":
        _repeat_exactly()
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


def choose_threads(device: torch.device) -> int:
    """Return with how many threads to compute: torch's number, or fewer where that is faster now.

    Beside a busy program the thread that shares its core lets all others wait. All threads, one
    fewer and half of them take turns at convolutions for a quarter of a second.
    """
    most = torch.get_num_threads()
    if device.type != "cpu" or most == 1:
        return most
    speeds = dict.fromkeys((most, most - 1, most // 2), 0.0)
    # Turns longer than the slices of time in which an operating system shares a core.
    for _ in range(5):
        for threads in speeds:
            torch.set_num_threads(threads)
            speeds[threads] += _convs_a_second(0.02, batch_size=8 * most)
    torch.set_num_threads(most)
    fastest = max(speeds, key=speeds.__getitem__)
    return fastest if speeds[fastest] > CLEARLY * speeds[most] else most


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


def _repeat_exactly() -> None:
    """Let CUDA add up in the same order every time, and compute in fp32 where that is asked for.

    Its quickest gradients are sums in any order, so a continued run would not equal a whole one;
    its fp32 convolutions round to TF32's 10 bits, too few for finite differences.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.allow_tf32 = False
    # Of the few operations that have one way only, none was seen to vary.
    warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation")


def _conv(dtype: torch.dtype, *, batch_size: int = 8) -> Callable[[], object]:
    """A small convolution, forward and backward."""
    images = torch.ones(batch_size, 64, 16, 16, dtype=dtype)
    images = images.contiguous(memory_format=torch.channels_last)
    weight = torch.ones(64, 64, 3, 3, dtype=dtype, requires_grad=True)
    return lambda: torch.autograd.grad(F.conv2d(images, weight, padding=1).sum(), weight)


def _conv_seconds(dtype: torch.dtype, *, repeats: int = 3) -> float:
    conv = _conv(dtype)
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        conv()
        best = min(best, time.perf_counter() - start)
    return best


def _convs_a_second(seconds: float, *, batch_size: int) -> float:
    """The mean over a stretch of time: waiting counts."""
    conv = _conv(torch.float32, batch_size=batch_size)
    conv()
    number = 0
    start = time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        conv()
        number += 1
    return number / passed
