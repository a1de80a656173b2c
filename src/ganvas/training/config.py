"""The complete configuration of a training, with every combination known not to work refused."""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from ganvas.augment.config import AugmentConfig
from ganvas.core.config import Config
from ganvas.data.config import DataConfig
from ganvas.losses.config import LossConfig
from ganvas.models import registry
from ganvas.models.registry import ModelConfig


class OptimConfig(Config):
    """Two Adams and how they take turns."""

    lr_g: Annotated[float, Field(gt=0, le=1)] = 2e-4
    """Learning rate of the generator at the start."""
    lr_d: Annotated[float, Field(gt=0, le=1)] = 2e-4
    """Learning rate of the discriminator at the start; unlike lr_g it is TTUR."""
    lr_end: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Both rates end at this fraction of their start, on a cosine."""
    warmup_kimg: Annotated[float, Field(ge=0)] = 0.0
    """Both rates rise from 0 over this many thousand pictures."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Adam's momentum."""
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.99
    """Adam's memory of squared gradients."""
    eps: Annotated[float, Field(gt=0)] = 1e-8
    """Adam's epsilon."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """L2 penalty inside Adam."""
    n_critic: Annotated[int, Field(ge=1, le=20)] = 1
    """Discriminator steps per generator step (WGAN-GP: 5)."""
    freeze_d: Annotated[int, Field(ge=0)] = 0
    """Layers of D, from the pictures on, that stay as they were at the start; for --from."""
    skip_d_above: Annotated[float, Field(gt=0.5, le=1)] = 1.0
    """Leave D's step out while its accuracy on the batch is above this; 1 never does."""


class EmaConfig(Config):
    """The averaged generator, the one that makes the pictures."""

    half_life: Annotated[float, Field(gt=0, le=1)] = 0.025
    """Part of the planned length after which a weight has lost half of its share."""
    ramp: Annotated[float, Field(gt=0, le=1)] = 0.05
    """The half-life is never more than this part of the pictures shown so far."""


class CureConfig(Config):
    """Remedies against collapse and imbalance beyond the loss itself."""

    pack: Annotated[int, Field(ge=1, le=8)] = 1
    """PacGAN: D judges this many pictures of one kind together (2 cures most collapses)."""
    instance_noise: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Standard deviation of noise on all that D sees, falling to 0 in the first half."""
    fit_contrast: bool = False
    """Where pictures have little contrast, as seen from a satellite, let D be steeper and jitter
    colours less, or it cannot tell them apart: gamma times the square of their contrast as a part
    of that of ordinary pictures (0.28), jitter times the part. Ordinary pictures change nothing."""


class StylesConfig(Config):
    """What the recipe stylegan2 does with styles."""

    mixing: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Share of the fakes whose coarse and fine layers follow different latents."""
    path_length: Annotated[float, Field(ge=0)] = 2.0
    """Weight of path length regularisation; 0 turns it off."""
    path_length_every: Annotated[int, Field(ge=1, le=64)] = 4
    """Generator steps between two of them, each that many times as strong."""


class RunConfig(Config):
    """How often things are written; what is not given is decided by the plan."""

    tick_kimg: Annotated[float, Field(gt=0)] | None = None
    """Thousand pictures between two lines of stats."""
    snapshot_kimg: Annotated[float, Field(gt=0)] | None = None
    """Thousand pictures between two checkpoints with samples and evaluation."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    """Checkpoints kept on disk: the newest ones; the last healthy one is kept besides."""
    evaluate_images: Annotated[int, Field(ge=0)] = 500
    """Generated pictures in the evaluation at each snapshot; 0 turns it off."""
    patience: Annotated[int, Field(ge=0)] = 5
    """End after this many evaluations without a new best, if there were twice as many; 0 never."""
    sample_seeds: Annotated[int, Field(ge=1, le=400)] = 64
    """Pictures in each sample grid."""


class TrainConfig(Config):
    """Everything that decides a training; with equal pictures it gives equal numbers."""

    format: Literal[1] = 1
    """Version of this file's layout."""
    images: str
    """Folder, zip, or builtin:NAME."""
    preset: str = "custom"
    """The preset this came from."""
    recipe: str = "standard"
    """Procedure of training: a file in `training/recipes/`."""
    data: DataConfig = Field(default_factory=DataConfig)
    model: SerializeAsAny[ModelConfig]
    loss: LossConfig = Field(default_factory=LossConfig)
    optim: OptimConfig = Field(default_factory=OptimConfig)
    augment: AugmentConfig = Field(default_factory=AugmentConfig)
    ema: EmaConfig = Field(default_factory=EmaConfig)
    cure: CureConfig = Field(default_factory=CureConfig)
    styles: StylesConfig = Field(default_factory=StylesConfig)
    run: RunConfig = Field(default_factory=RunConfig)
    batch_size: Annotated[int, Field(ge=1, le=65536)] = 32
    """Real pictures a step, over all devices."""
    kimg: Annotated[float, Field(gt=0)] | None = None
    """Length in thousand real pictures; or give minutes."""
    minutes: Annotated[float, Field(gt=0)] | None = 10.0
    """Length in minutes of training on this machine; or give kimg."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Start of all random numbers."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto measures whether this processor is good at bf16."""
    guard: Literal["act", "warn", "off"] = "act"
    """What happens when the training goes wrong: act corrects it, warn only says so, off ignores
    all but non-finite numbers."""

    @property
    def unit(self) -> int:
        """How many neighbours of a batch belong together: a pack, or a penalty's stride."""
        return self.cure.pack * self.loss.penalty_stride

    @field_validator("model", mode="before")
    @classmethod
    def _model_by_arch(cls, value: Any) -> ModelConfig:
        return registry.parse(value)

    @model_validator(mode="after")
    def _one_length(self) -> "TrainConfig":
        if (self.kimg is None) == (self.minutes is None):
            raise ValueError("give the length either as kimg or as minutes")
        return self

    @model_validator(mode="after")
    def _what_goes_together(self) -> "TrainConfig":
        problems = [
            self.model.problem_with(
                resolution=self.data.resolution,
                alone=bool(self.loss.penalties) or self.recipe == "simultaneous",
            ),
            *_loss_problems(self.loss),
            *_batch_problems(self),
            *_augment_problems(self),
            *_recipe_problems(self),
        ]
        found = next((problem for problem in problems if problem), None)
        if found:
            raise ValueError(found)
        return self


def _loss_problems(loss: LossConfig) -> list[str | None]:
    return [
        "loss.soft is for bce (smoothed labels) and hinge (random margin) only"
        if loss.soft != 1.0 and loss.adversarial not in ("bce", "hinge")
        else None,
        "a lazy penalty fails with the relativistic loss: it needs its gradient at every step; "
        "use penalty_mode exact (with penalty_stride above 1 to save time)"
        if loss.penalty_mode == "lazy" and loss.adversarial == "relativistic" and loss.penalties
        else None,
        "penalty_every is for penalty_mode lazy only"
        if loss.penalty_every != 1 and loss.penalty_mode != "lazy"
        else None,
        "wgan without wgan-gp has no bound on its discriminator and diverges"
        if loss.adversarial == "wgan" and "wgan-gp" not in loss.penalties
        else None,
        "wgan-gp wants a slope of 1, r1 and r2 want 0: use one kind"
        if "wgan-gp" in loss.penalties and len(loss.penalties) > 1
        else None,
        "wgan-gp has no finite-difference form: its slope of 1 must be measured exactly"
        if "wgan-gp" in loss.penalties and loss.penalty_mode == "finite-difference"
        else None,
    ]


def _batch_problems(config: TrainConfig) -> list[str | None]:
    pack = config.cure.pack
    return [
        f"batch_size {config.batch_size} is not a multiple of {config.unit}: "
        "cure.pack times loss.penalty_stride"
        if config.batch_size % config.unit
        else None,
        "packing mixes several labels in one verdict: use it without classes"
        if pack > 1 and config.data.classes == "folders"
        else None,
        "packing needs neighbouring pictures, so it does not go with loss.penalty_stride"
        if pack > 1 and config.loss.penalty_stride > 1
        else None,
    ]


def _augment_problems(config: TrainConfig) -> list[str | None]:
    augment = config.augment
    return [
        "adaptive augmentation has nothing to adapt: name augment.operations"
        if augment.adaptive and not augment.operations
        else None,
        "augment.p starts above augment.p_max"
        if augment.adaptive and augment.p > augment.p_max
        else None,
        f"rotate90 turns square pictures only, not {config.data.resolution}: leave it out of "
        "augment.operations"
        if "rotate90" in augment.operations and isinstance(config.data.resolution, str)
        else None,
    ]


def _recipe_problems(config: TrainConfig) -> list[str | None]:
    fitting = config.model.recipes
    if config.recipe not in fitting:
        return [
            f"recipe {config.recipe} cannot train model.arch {config.model.arch}: use "
            f"{' or '.join(fitting)} (--preset {config.model.arch} sets it)"
        ]
    problems = {
        "simultaneous": _simultaneous_problems,
        "fastgan": _fastgan_problems,
        "vae": _vae_problems,
    }
    return problems[config.recipe](config) if config.recipe in problems else []


def _fastgan_problems(config: TrainConfig) -> list[str | None]:
    return [
        "recipe fastgan keeps D smooth by spectral norm: it has no loss.penalties"
        if config.loss.penalties
        else None,
        _one_step_each(config),
    ]


def _vae_problems(config: TrainConfig) -> list[str | None]:
    optim, cure = config.optim, config.cure
    return [
        "recipe vae has no discriminator: it knows no loss.penalties, augment.operations, "
        "cure.pack, cure.instance_noise, optim.n_critic and optim.skip_d_above"
        if config.loss.penalties
        or config.augment.operations
        or cure.pack > 1
        or cure.instance_noise
        or optim.n_critic > 1
        or optim.skip_d_above < 1
        else None,
    ]


def _one_step_each(config: TrainConfig) -> str | None:
    if config.optim.n_critic == 1 and config.optim.skip_d_above == 1:
        return None
    return (
        f"recipe {config.recipe} trains both networks in every step: it has no optim.n_critic "
        "and no optim.skip_d_above"
    )


def _simultaneous_problems(config: TrainConfig) -> list[str | None]:
    return [
        f"recipe simultaneous cannot use {config.loss.adversarial}, whose slope for D can be 0 "
        "where G's is not; use bce, relativistic or wgan"
        if config.loss.adversarial in ("hinge", "lsgan")
        else None,
        _one_step_each(config),
    ]
