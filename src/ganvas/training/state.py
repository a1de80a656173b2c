"""The one mutable thing: everything a training changes, and exactly what a checkpoint holds."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.optim import Adam

from ganvas.core.device import Numerics
from ganvas.core.errors import CheckpointError, ConfigError
from ganvas.core.rng import rng
from ganvas.core.seeds import seed_for
from ganvas.models import registry
from ganvas.models.base import Generator, Observer, StyleGenerator
from ganvas.training.config import OptimConfig, TrainConfig
from ganvas.training.engine import Engine, share_batch_norm
from ganvas.training.guard_state import GuardState
from ganvas.training.recipes import registry as recipes
from ganvas.training.signals import gradient_norm
from ganvas.training.source import Source

SETTLE_BATCHES = 4
SETTLE_BATCH = 64

Tensors = dict[str, dict[str, Tensor]]
"""File name without ending -> tensor name -> tensor."""


class TrainState:
    """Networks, their average, optimisers and counters; everything else is frozen or a function."""

    def __init__(self, config: TrainConfig, source: Source, numerics: Numerics) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for(config.seed, "weights"))
            self.G, self.D = registry.build(
                config.model,
                channels=source.channels,
                resolution=source.resolution,
                num_classes=source.num_classes,
                pack=config.cure.pack,
            )
        self.G_ema = copy.deepcopy(self.G).requires_grad_(False).eval()
        for network in (self.G, self.D, self.G_ema):
            numerics.place(network)
        _freeze(self.D, config.optim.freeze_d)
        self.opt_g = _adam(self.G, config.optim.lr_g, config.optim)
        self.opt_d = _adam(self.D, config.optim.lr_d, config.optim)
        self.nimg = 0
        """The clock: real images shown to the discriminator."""
        self.attempt = 0
        """Counts the fresh starts of the random numbers after a rollback."""
        self.micro_batch = 0
        """Pictures computed at once when the batch had to be split to fit memory; 0: all."""
        self.seconds = 0.0
        """Time spent training, over all sittings."""
        self.augment_p = torch.tensor(config.augment.p, device=numerics.device)
        """Probability of augmentation; a tensor, so that steering it needs no synchronisation."""
        self.augment_floor = torch.zeros((), device=numerics.device)
        """The guard's lower bound of that probability."""
        self.balance = torch.zeros(3, device=numerics.device)
        """Sums of D's loss and accuracy since the guard's last check, and how many they are."""
        self.guard = GuardState()
        self.d_accuracy = torch.zeros((), device=numerics.device)
        """Share of the last batch that D judged rightly, for skipping D while it is too good."""
        self._earlier_norms = torch.zeros(2, device=numerics.device)
        self.memory = {
            name: torch.tensor(start, device=numerics.device)
            for name, start in recipes.memory(config.recipe).items()
        }
        """What the recipe remembers from step to step."""

    def spread(self, engine: Engine) -> None:
        """Make BatchNorm see the global batch where several processes share one."""
        share_batch_norm(self.G, engine)
        share_batch_norm(self.D, engine)

    @torch.no_grad()
    def update_ema(self, beta: float) -> None:
        """Let the average keep `beta` of itself; BatchNorm's statistics wait for `settle`."""
        averages: list[Tensor] = list(self.G_ema.parameters())
        currents: list[Tensor] = list(self.G.parameters())
        torch._foreach_lerp_(averages, currents, 1.0 - beta)

    @torch.no_grad()
    def settle(self) -> None:
        """Measure the averaged generator's mean style and BatchNorm statistics, on fixed latents.

        Those of the training belong to other weights, and lag behind (1803.05407, section 3.2).
        """
        if isinstance(self.G_ema, StyleGenerator):
            self.G_ema.measure_mean()
        norms = [m for m in self.G_ema.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        if not norms:
            return
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
        self.G_ema.train()
        device = self.augment_p.device
        for number in range(SETTLE_BATCHES):
            z = torch.randn(SETTLE_BATCH, self.G_ema.z_dim, generator=rng(number, "settle"))
            label = torch.arange(SETTLE_BATCH) % max(1, self.G_ema.num_classes)
            self.G_ema(z.to(device), label.to(device) if self.G_ema.num_classes else None)
        self.G_ema.eval()
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum

    @torch.no_grad()
    def gradient_norms(self) -> Tensor:
        """Lengths of the last gradients of G and D; after a resume those of before, until a step.

        Not every step has both: with n_critic G waits, and a D that is too good rests.
        """
        norms = self._earlier_norms.clone()
        for norm, network in zip(norms, (self.G, self.D), strict=True):
            if any(parameter.grad is not None for parameter in network.parameters()):
                norm.copy_(gradient_norm(network.parameters()))
        return norms

    def tensors(self) -> Tensors:
        """Return all tensors, contiguous, for `runs.checkpoint.save`."""
        self.settle()
        state = self._state_tensors() | {"gradient_norms": self.gradient_norms()}
        return {
            "state": {k: v.detach().contiguous() for k, v in state.items()},
            "optimizer": {k: v.detach().contiguous() for k, v in self._optimizer_tensors().items()},
        }

    def meta(self) -> dict[str, Any]:
        """Return the counters as plain numbers."""
        return {
            "nimg": self.nimg,
            "attempt": self.attempt,
            "micro_batch": self.micro_batch,
            "seconds": self.seconds,
            "guard": self.guard.to_dict(),
        }

    def load(self, tensors: Tensors, meta: Mapping[str, Any]) -> None:
        """Become the state that was saved. Raises CheckpointError if anything is missing or odd."""
        _copy_all(self._state_tensors(), tensors.get("state", {}))
        _copy_all(self._optimizer_tensors(), tensors.get("optimizer", {}))
        for network in (self.G, self.D, self.G_ema):
            # Networks that keep plain numbers beside their tensors read them anew.
            network.load_state_dict(network.state_dict())
            network.zero_grad()
        try:
            self.nimg = int(meta["nimg"])
            self.attempt = int(meta["attempt"])
            self.micro_batch = int(meta["micro_batch"])
            self.seconds = float(meta["seconds"])
            self.guard = GuardState.from_dict(meta["guard"])
        except KeyError as error:
            raise CheckpointError(f"the checkpoint lacks the counter {error}") from None

    def roll_back(self, tensors: Tensors, meta: Mapping[str, Any]) -> None:
        """Become an earlier state with other noise to come.

        Networks, their average, optimisers and the clock go back; the time spent, what the guard
        has decided, and how memory is used stay.
        """
        kept = {"seconds": self.seconds, "micro_batch": self.micro_batch}
        guard, floor = self.guard.after_rollback(), self.augment_floor.clone()
        attempt = self.attempt + 1
        self.load(tensors, dict(meta) | kept | {"attempt": attempt, "guard": guard.to_dict()})
        self.augment_floor.copy_(floor)

    def _state_tensors(self) -> dict[str, Tensor]:
        networks: dict[str, nn.Module] = {"G": self.G, "D": self.D, "G_ema": self.G_ema}
        found = {
            f"{prefix}.{name}": tensor
            for prefix, network in networks.items()
            for name, tensor in network.state_dict().items()
        }
        found |= {f"memory.{name}": tensor for name, tensor in self.memory.items()}
        return found | {
            "augment_p": self.augment_p,
            "augment_floor": self.augment_floor,
            "balance": self.balance,
            "d_accuracy": self.d_accuracy,
            "gradient_norms": self._earlier_norms,
        }

    def _optimizer_tensors(self) -> dict[str, Tensor]:
        found = {}
        pairs: tuple[tuple[str, nn.Module, Adam], ...] = (
            ("opt_g", self.G, self.opt_g),
            ("opt_d", self.D, self.opt_d),
        )
        for prefix, network, optimizer in pairs:
            for name, parameter in network.named_parameters():
                for slot, tensor in optimizer.state[parameter].items():
                    found[f"{prefix}.{name}.{slot}"] = tensor
        return found


def _freeze(network: nn.Module, num: int) -> None:
    """Let the first layers that have weights stay as they are (FreezeD, 2002.10964)."""
    layers = [parameters for m in network.modules() if (parameters := _own_parameters(m))]
    if num >= len(layers):
        raise ConfigError(
            f"optim.freeze_d {num} leaves D nothing to learn with: it has {len(layers)} layers"
        )
    for layer in layers[:num]:
        for parameter in layer:
            parameter.requires_grad_(False)


def _own_parameters(module: nn.Module) -> list[nn.Parameter]:
    """A layer's parameters, among them what spectral norm computes its weight from."""
    if isinstance(module, parametrize.ParametrizationList):
        return []
    own = list(module.parameters(recurse=False))
    if parametrize.is_parametrized(module):
        own += module.get_submodule("parametrizations").parameters()
    return own


def _adam(network: Generator | Observer, lr: float, optim: OptimConfig) -> Adam:
    optimizer = Adam(
        network.parameters(),
        lr=lr,
        betas=(float(optim.beta1), float(optim.beta2)),
        eps=optim.eps,
        weight_decay=optim.weight_decay,
        fused=True,
    )
    # Adam makes its slots in the first step; made here, a checkpoint has one shape at any time.
    for parameter in network.parameters():
        optimizer.state[parameter] = {
            "step": torch.zeros((), device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    return optimizer


@torch.no_grad()
def _copy_all(targets: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    missing = sorted(set(targets) - set(values))
    unknown = sorted(set(values) - set(targets))
    if missing or unknown:
        what = f"lacks {missing[0]}" if missing else f"has {unknown[0]}, which does not belong"
        raise CheckpointError(f"the checkpoint does not fit this configuration: it {what}")
    for name, target in targets.items():
        if target.shape != values[name].shape:
            raise CheckpointError(
                f"the checkpoint does not fit this configuration: {name} has the shape "
                f"{tuple(values[name].shape)} instead of {tuple(target.shape)}"
            )
        target.copy_(values[name])
