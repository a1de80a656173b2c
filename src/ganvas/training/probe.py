"""The probe: every few dozen steps it looks at G and D from the side, and changes neither."""

import contextlib
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from ganvas.core.rng import rng
from ganvas.core.seeds import numpy_rng
from ganvas.data.batches import split
from ganvas.losses import penalties
from ganvas.models.base import Discriminator
from ganvas.training import signals
from ganvas.training.context import Context, Stats
from ganvas.training.source import Source, read_pictures, spread_pictures
from ganvas.training.state import TrainState
from ganvas.training.view import stack_packs

PICTURES = 32
"""Fakes, training pictures and held-out ones in a probe, each."""
SLOPE_PICTURES = 8
"""Those of them whose gradient is taken."""
NEARLY_THE_SAME = 0.05
"""Part of the median distance between two reals below which two fakes are one picture."""
NEARLY_BLANK = 0.1
"""Part of the median contrast of reals below which a picture is blank."""


class Probe:
    """Measures `health/*`; what it draws depends on (seed, attempt, nimg) alone."""

    def __init__(self, source: Source, context: Context) -> None:
        self._source = source
        self._context = context
        self._pool, self._held_out = split(len(source), context.config.seed)

    @cached_property
    def reference(self) -> Float[Tensor, "n c h w"]:
        """Training pictures that say, once, how different and how rich in contrast reals are."""
        return spread_pictures(self._source, self._pool, self._context.numerics)

    @cached_property
    def real_distances(self) -> Float[Tensor, " p"]:
        """Distances between two reals, averaged down; a single one is at 0 from itself."""
        pooled = signals.pooled(self.reference)
        return signals.distances(pooled if len(pooled) > 1 else pooled.repeat(2, 1))

    @cached_property
    def real_contrast(self) -> Float[Tensor, ""]:
        """The median contrast of reals."""
        return signals.contrast(self.reference).median()

    @cached_property
    def real_clipped(self) -> Float[Tensor, ""]:
        """Share of black and white in reals."""
        return signals.clipped(self.reference)

    def measure(self, state: TrainState) -> Stats:
        """Return all signals that need more than the step itself, equal on every process."""
        with _aside(state), torch.no_grad():
            found = self._look(state)
        names = sorted(found)
        together = self._context.engine.average(torch.stack([found[n].float() for n in names]))
        return dict(zip(names, together.unbind(), strict=True))

    def _look(self, state: TrainState) -> Stats:
        config = self._context.config
        draws = numpy_rng(config.seed, "probe", state.attempt, state.nimg)
        real, label = self._read(self._some(self._pool, draws))
        with self._context.numerics.autocast():
            fake = state.G(self._latents(state), label).float()
            real_features, real_logits = self._judge(state, real, label)
            fake_features, fake_logits = self._judge(state, fake, label)
        pooled = signals.pooled(fake)
        slope_real = self._slope(state, real, label)
        slope_fake = self._slope(state, fake, label)
        found = {
            "pair_margin": signals.pair_margin(real_logits, fake_logits),
            "pair_accuracy": signals.pair_accuracy(real_logits, fake_logits),
            "diversity_features": signals.diversity(fake_features, real_features),
            "diversity_pixels": signals.distances(pooled).mean()
            / self.real_distances.mean().clamp_min(signals.SMALLEST),
            "duplicates": signals.duplicates(
                pooled, closer_than=NEARLY_THE_SAME * self.real_distances.median()
            ),
            "blank": signals.blank(fake, below=NEARLY_BLANK * self.real_contrast),
            "clipped": signals.clipped(fake) - self.real_clipped,
            "slope_real": slope_real,
            "slope_fake": slope_fake,
            "slope_ratio": slope_fake / slope_real.clamp_min(signals.SMALLEST),
        }
        found["gradient_g"], found["gradient_d"] = state.gradient_norms().unbind()
        if len(self._held_out):
            unseen, unseen_label = self._read(self._some(self._held_out, draws))
            with self._context.numerics.autocast():
                _, unseen_logits = self._judge(state, unseen, unseen_label)
            found["overfit"] = signals.overfitting(real_logits, unseen_logits, fake_logits)
        return {f"health/{name}": value for name, value in found.items()}

    def _judge(
        self, state: TrainState, images: Tensor, label: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return D's features and logits in fp32, without augmentation."""
        assert isinstance(state.D, Discriminator), "the guard leaves other networks alone"
        features = state.D.features(stack_packs(images, self._context.config.cure.pack))
        return features.float(), state.D.logits(features, label).float()

    def _slope(self, state: TrainState, images: Tensor, label: Tensor | None) -> Tensor:
        """Root of R1 or R2: how steep D's logit is at its pictures, in fp32."""
        with torch.enable_grad():
            num = self._in_packs(SLOPE_PICTURES)
            part = images[:num].clone().requires_grad_()
            part_label = None if label is None else label[:num]
            logits = self._judge(state, part, part_label)[1]
            return penalties.zero_centered(part, logits).detach().sqrt()

    def _latents(self, state: TrainState) -> Tensor:
        seed = self._context.config.seed
        drawn = rng(seed, "probe latents", state.attempt, state.nimg)
        z = torch.randn(self._in_packs(PICTURES), state.G.z_dim, generator=drawn)
        return z.to(self._context.engine.device)

    def _in_packs(self, num: int) -> int:
        """Return about `num`, as a multiple of the pictures that D judges together."""
        pack = self._context.config.cure.pack
        return max(1, num // pack) * pack

    def _some(self, pool: Int64[np.ndarray, " n"], draws: np.random.Generator) -> np.ndarray:
        chosen: np.ndarray = pool[draws.integers(len(pool), size=self._in_packs(PICTURES))]
        return chosen

    def _read(self, indices: Int64[np.ndarray, " n"]) -> tuple[Tensor, Tensor | None]:
        return read_pictures(self._source, indices, self._context.numerics)


@contextlib.contextmanager
def _aside(state: TrainState) -> Iterator[None]:
    """Leave all buffers and modes as they were.

    BatchNorm goes on with the statistics of its batch, without which a D trained on batches of
    one kind judges nonsense, but does not record them; spectral norm's vectors rest.
    """
    modules = [*state.G.modules(), *state.D.modules()]
    modes = [module.training for module in modules]
    norms = [m for m in modules if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    state.G.eval()
    state.D.eval()
    for norm in norms:
        norm.training, norm.track_running_stats = True, False
    try:
        yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
        for norm in norms:
            norm.track_running_stats = True
