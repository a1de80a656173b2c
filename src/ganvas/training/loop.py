"""The loop: an iterator of reports. It touches no files and prints nothing."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ganvas.core.config import replace
from ganvas.core.device import Numerics
from ganvas.core.errors import ConfigError, DataError
from ganvas.data.batches import Order, mirror_mask, split
from ganvas.models.base import Generator, seeded_latents
from ganvas.training.config import TrainConfig
from ganvas.training.context import Batch, Context, Stats
from ganvas.training.decision import Decision
from ganvas.training.dice import Dice
from ganvas.training.engine import Engine, start_engine
from ganvas.training.guard import Guard
from ganvas.training.plan import Plan, make_plan, measure, place
from ganvas.training.recipes import registry as recipes
from ganvas.training.schedule import ema_beta, lr_factor
from ganvas.training.signals import relative_contrast
from ganvas.training.source import Source, read_pictures, spread_pictures
from ganvas.training.state import TrainState


@dataclass(frozen=True)
class StepReport:
    """What one step left behind."""

    nimg: int
    """Real images shown so far."""
    stats: Stats
    """Detached scalars such as loss/d; reading one waits for the device."""
    state: TrainState
    """The live state; do not change it, except to roll back."""
    decision: Decision | None = None
    """What the guard decided after this step. "rollback" and "stop" are for the reader to carry
    out; the loop goes on from wherever `TrainState.roll_back` has put the state."""

    def samples(self, num: int = 64) -> Float[Tensor, "b c h w"]:
        """Pictures of the averaged generator for seeds 0 to num - 1, in [-1, 1]."""
        self.state.settle()
        return sample(self.state.G_ema, range(num))


def train_steps(
    config: TrainConfig,
    source: Source | None = None,
    *,
    state: TrainState | None = None,
    plan: Plan | None = None,
    engine: Engine | None = None,
) -> Iterator[StepReport]:
    """Yield one report a step until the planned number of real images was shown.

    Without `source` the pictures named in the configuration are prepared. Without `plan` the
    length must be given as `config.kimg`. Give a `state` to go on from it. Stop by not asking
    for the next report; the state is consistent at every yield.

    Raises ConfigError, DataError, and MemoryLimitError where a batch cannot be split.
    """
    source = source or _prepared(config)
    engine = engine or start_engine(config.device, batch_size=config.batch_size, unit=config.unit)
    if plan is None:
        if config.kimg is None:
            raise ConfigError("train_steps plans no minutes: give the length as kimg")
        plan = make_plan(
            config,
            device=engine.device,
            images_per_second=0.0,
            contrast=fitted_contrast(config, source),
        )
    numerics = Numerics(engine.device, plan.precision)
    state = state or new_state(config, source, engine)
    context = Context(config, plan, engine, numerics)
    recipe = recipes.load(config.recipe)
    order = training_order(config, source)
    guard = Guard(source, context)
    local = engine.local(config.batch_size)

    while state.nimg < plan.total_nimg:
        start = time.perf_counter()
        batch = read_batch(source, order, state.nimg, local, config, numerics)
        dice = Dice(config.seed, state.attempt, state.nimg, config.batch_size, local, engine.device)
        _set_learning_rates(state, config, plan)
        stats = recipe(state, batch, context, dice)
        state.update_ema(ema_beta(config.ema, state.nimg, plan.schedule_nimg, config.batch_size))
        state.nimg += config.batch_size
        health, decision = guard.after_step(state, stats)
        state.seconds += time.perf_counter() - start
        yield StepReport(state.nimg, stats | health, state, decision)


def new_state(config: TrainConfig, source: Source, engine: Engine) -> TrainState:
    """Make the state at nimg 0; equal configurations and seeds give equal weights."""
    state = TrainState(config, source, Numerics(engine.device, "fp32"))
    state.spread(engine)
    return state


def measure_speed(
    config: TrainConfig,
    source: Source,
    trial: TrainState,
    engine: Engine,
    *,
    seconds: float,
    contrast: float = 1.0,
) -> float:
    """Time steps all over the schedule, on a state that is thrown away; real images per second."""
    endless = replace(config, kimg=1e9, minutes=None)
    plan = make_plan(endless, device=engine.device, images_per_second=0.0, contrast=contrast)
    steps = train_steps(endless, source, state=trial, plan=plan, engine=engine)

    def steps_in_turn() -> Iterator[StepReport]:
        for turn in itertools.count():
            trial.nimg = place(turn, plan, config.batch_size)
            yield next(steps)

    return measure(steps_in_turn(), engine, batch_size=config.batch_size, seconds=seconds)


def fitted_contrast(config: TrainConfig, source: Source) -> float:
    """What gamma and colour jitter are fitted to, 0.2 to 1; 1 unless `cure.fit_contrast`."""
    if not config.cure.fit_contrast:
        return 1.0
    pool, _ = split(len(source), config.seed)
    return relative_contrast(spread_pictures(source, pool, Numerics(torch.device("cpu"), "fp32")))


def training_order(config: TrainConfig, source: Source) -> Order:
    """The endless order of the training pictures, without those held out."""
    pool, _ = split(len(source), config.seed)
    if len(pool) == 0:
        raise DataError("there are no pictures to train on")
    return Order(pool, config.batch_size, config.seed)


def read_batch(
    source: Source,
    order: Order,
    nimg: int,
    local: slice,
    config: TrainConfig,
    numerics: Numerics,
) -> Batch:
    """Read this process's share of the batch at `nimg`, as float images on the device."""
    flipped = None
    if config.data.mirror:
        flipped = mirror_mask(config.seed, nimg, config.batch_size)[local]
    return Batch(*read_pictures(source, order.at(nimg)[local], numerics, flipped=flipped))


@torch.no_grad()
def sample(
    G: Generator,
    seeds: range | list[int],
    *,
    labels: Int64[np.ndarray, " b"] | None = None,
    batch_size: int = 64,
) -> Float[Tensor, "b c h w"]:
    """Pictures for seeds, on the CPU; with classes, of `labels`, or else s modulo their number."""
    if labels is None:
        labels = np.asarray(seeds, np.int64) % max(1, G.num_classes)
    device = next(G.parameters()).device
    was_training = G.training
    G.eval()
    parts = []
    for start in range(0, len(seeds), batch_size):
        some = list(seeds[start : start + batch_size])
        label = None
        if G.num_classes:
            label = torch.from_numpy(labels[start : start + batch_size]).to(device)
        parts.append(G(seeded_latents(some, G.z_dim).to(device), label).float().cpu())
    G.train(was_training)
    return torch.cat(parts)


def _set_learning_rates(state: TrainState, config: TrainConfig, plan: Plan) -> None:
    factor = lr_factor(config.optim, state.nimg, plan.schedule_nimg)
    factor *= state.guard.rate
    for optimizer, rate in (
        (state.opt_g, config.optim.lr_g),
        (state.opt_d, config.optim.lr_d * state.guard.rate_d),
    ):
        for group in optimizer.param_groups:
            group["lr"] = rate * factor


def _prepared(config: TrainConfig) -> Source:
    from ganvas.data.store import prepare

    return prepare(config.images, config.data)
