"""What a recipe needs beside the state: frozen settings, and accumulating gradients safely."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from accelerate.utils.memory import should_reduce_batch_size
from torch import Tensor, nn
from torch.optim import Adam

from ganvas.core.device import Numerics
from ganvas.core.errors import MemoryLimitError
from ganvas.layers.minibatch_stddev import MinibatchStddev
from ganvas.training.config import TrainConfig
from ganvas.training.engine import Engine
from ganvas.training.plan import Plan
from ganvas.training.state import TrainState

Stats = dict[str, Tensor]
"""Name -> detached scalar; the reader pays for `.item()`."""


@dataclass(frozen=True)
class Batch:
    """This process's share of a batch of real pictures."""

    real: Tensor
    """float32[b c h w] in [-1, 1], channels_last."""
    label: Tensor | None
    """int64[b], or None without classes."""

    def label_of(self, piece: slice) -> Tensor | None:
        return None if self.label is None else self.label[piece]


class PieceLoss(NamedTuple):
    """What a phase computed for one piece of the batch."""

    loss: Tensor
    stats: Stats
    leaves: tuple[Tensor, ...] = ()
    """Inputs whose gradient is wanted too, beside that of the network's weights."""


@dataclass(frozen=True)
class Context:
    """Everything frozen that a step looks at."""

    config: TrainConfig
    plan: Plan
    engine: Engine
    numerics: Numerics

    @property
    def local_batch(self) -> int:
        return self.config.batch_size // self.engine.world_size

    def pieces(self, state: TrainState) -> list[slice]:
        """Cut this process's share of the batch into parts that fit memory."""
        size = state.micro_batch or self.local_batch
        return [slice(start, start + size) for start in range(0, self.local_batch, size)]


def optimize(
    state: TrainState,
    context: Context,
    network: nn.Module,
    optimizer: Adam,
    loss_of: Callable[[slice], PieceLoss],
    *,
    also: Sequence[tuple[nn.Module, Adam]] = (),
) -> Stats:
    """One optimiser step on the mean of `loss_of` over the batch's pieces; return mean stats.

    `also` are further networks that the same loss teaches.

    Out of memory halves the pieces and starts the phase anew: nothing was stepped yet, and the
    random numbers belong to the batch, so the mathematics is that of the undivided batch.
    """
    networks, optimizers = zip((network, optimizer), *also, strict=True)
    parameters = [p for one in networks for p in one.parameters() if p.requires_grad]
    while True:
        try:
            for each in optimizers:
                each.zero_grad()
            stats = _accumulate(context.pieces(state), parameters, loss_of)
            break
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not should_reduce_batch_size(error):
                raise
            reason = str(error).splitlines()[0]
        state.micro_batch = _smaller(state, context, reason)
        if context.engine.device.type == "cuda":
            torch.cuda.empty_cache()
    context.engine.average_gradients(parameters)
    for each in optimizers:
        each.step()
    return stats


def _accumulate(
    pieces: list[slice],
    parameters: list[nn.Parameter],
    loss_of: Callable[[slice], PieceLoss],
) -> Stats:
    def learn(piece: slice) -> Stats:
        loss, stats, leaves = loss_of(piece)
        torch.autograd.backward(loss / len(pieces), inputs=[*parameters, *leaves])
        return stats

    return mean_over(pieces, learn)


def mean_over(pieces: list[slice], stats_of: Callable[[slice], Stats]) -> Stats:
    """Return the mean of what `stats_of` says of each piece."""
    total: Stats = {}
    for piece in pieces:
        for name, value in stats_of(piece).items():
            part = value.detach().float() / len(pieces)
            total[name] = total[name] + part if name in total else part
    return total


def _smaller(state: TrainState, context: Context, reason: str) -> int:
    mixing = next(
        (
            type(module).__name__
            for network in (state.G, state.D)
            for module in network.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm | MinibatchStddev)
        ),
        None,
    )
    current = state.micro_batch or context.local_batch
    unit = context.config.unit
    half = current // 2
    if mixing is None and half >= unit and current % 2 == 0 and half % unit == 0:
        return half
    why = (
        f"{mixing} looks at the whole batch, so splitting it would change the mathematics"
        if mixing
        else f"parts of {current} pictures cannot be halved any more"
    )
    raise MemoryLimitError(
        f"a batch of {context.local_batch} pictures does not fit into memory ({reason}), "
        f"and {why}; use a smaller --batch-size or --resolution"
    )
