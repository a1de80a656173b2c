"""Complete configurations for typical pictures and machines (no torch here).

A preset is a small scientific claim: its docstring names the hardware, the time and what to
expect. `resolve` chooses one from the pictures and lays the user's own settings over it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ganvas.augment.config import AugmentConfig
from ganvas.core.canvas import Resolution, sides
from ganvas.core.config import merge, replace
from ganvas.core.errors import ConfigError
from ganvas.data.config import DataConfig
from ganvas.losses.config import LossConfig
from ganvas.models import registry
from ganvas.training.config import CureConfig, EmaConfig, OptimConfig, StylesConfig, TrainConfig

FAR_OFF = 4.0
"""A learning rate this many times above or below its preset's is a likely cause of a trouble."""
TRIED_PX = 64
"""A size that every architecture can make."""
FEW = 500
"""Sets with fewer pictures get stronger augmentation."""


@dataclass(frozen=True)
class Facts:
    """What a preset is fitted to."""

    num_images: int
    channels: int
    native_px: Resolution
    """Resolution that suits the pictures."""
    num_classes: int = 0


Preset = Callable[[str, DataConfig], TrainConfig]


def quick(images: str, data: DataConfig) -> TrainConfig:
    """From 500 pictures, up to 64 px, 10 minutes on two processor cores.

    Expect shapes and colours that belong to the set, with errors in the details.
    """
    return _fast(images, data, "quick", AugmentConfig(operations=("translation", "color"), p=0.6))


def few(images: str, data: DataConfig) -> TrainConfig:
    """Under 500 pictures: most are augmented, so that D cannot learn them by heart.

    Expect the set's palette and textures; with under 100 pictures also near copies.
    """
    return _fast(images, data, "few", AugmentConfig(operations=("translation", "color"), p=0.7))


def lesson(images: str, data: DataConfig) -> TrainConfig:
    """The course lesson's fully connected pair with binary cross-entropy, for 28 or 32 px.

    Five minutes on two cores give readable digits with grainy strokes.
    """
    return TrainConfig(
        images=images,
        preset="lesson",
        data=data,
        model=registry.parse({"arch": "mlp"}),
        loss=LossConfig(adversarial="bce", penalties=()),
        optim=OptimConfig(beta1=0.5, beta2=0.999, weight_decay=8e-9),
        batch_size=256,
    )


def dcgan(images: str, data: DataConfig) -> TrainConfig:
    """DCGAN as in its paper (1511.06434) and in the well-known tutorial: BatchNorm, BCE.

    Made for 64 px and a GPU; on two cores 10 minutes show only the beginning.
    """
    return TrainConfig(
        images=images,
        preset="dcgan",
        data=data,
        model=registry.parse({"arch": "dcgan"}),
        loss=LossConfig(adversarial="bce", penalties=()),
        optim=OptimConfig(beta1=0.5, beta2=0.999),
        batch_size=64,
    )


def residual(images: str, data: DataConfig) -> TrainConfig:
    """Residual networks with relativistic pairs, R1 and R2 (R3GAN, 2501.05441), on two cores.

    Steadier than `quick` and slower: an hour or more where that takes ten minutes. EuroSAT at
    64 px, ten minutes on one core: kid_vgg19 19, where `quick` has 2.3; hands: 4.7 and 5.8, the
    cleanest of all families, less varied (docs/families.md).
    """
    return TrainConfig(
        images=images,
        preset="residual",
        data=data,
        model=registry.parse({"arch": "resnet"}),
        loss=LossConfig(
            adversarial="relativistic",
            penalties=("r1", "r2"),
            gamma=5.0,
            gamma_end=0.5,
            penalty_stride=4,
        ),
        optim=OptimConfig(lr_g=1e-3, lr_d=1e-3, lr_end=0.1, beta1=0.0, beta2=0.99),
        augment=AugmentConfig(operations=("translation", "color"), p=0.2),
        batch_size=32,
    )


def progressive(images: str, data: DataConfig) -> TrainConfig:
    """Progressive growing with its paper's loss (1710.10196), narrow, for two cores.

    Coarse shapes come early and details last: only the end of the schedule shows the full size.
    EuroSAT at 64 px, ten minutes on one core: kid_vgg19 11, where `quick` has 2.3. For a GPU add
    `--model.width 8 --model.z-dim 512`.
    """
    return TrainConfig(
        images=images,
        preset="progressive",
        recipe="progressive",
        data=data,
        model=registry.parse({"arch": "progressive"}),
        loss=LossConfig(adversarial="wgan", penalties=("wgan-gp",), drift=1e-3, penalty_stride=4),
        optim=OptimConfig(lr_g=1e-3, lr_d=1e-3, beta1=0.0, beta2=0.99),
        batch_size=16,
    )


def msg(images: str, data: DataConfig) -> TrainConfig:
    """MSG-GAN (1903.06048), pictures of all sizes at once, narrow, for two cores.

    Every size takes shape together, at a quarter of the speed of `quick`. EuroSAT at 64 px, ten
    minutes on one core: kid_vgg19 33, where `quick` has 2.3; it wants hours. For a GPU add
    `--model.width 8 --model.z-dim 512`.
    """
    return TrainConfig(
        images=images,
        preset="msg",
        recipe="msg",
        data=data,
        model=registry.parse({"arch": "msg"}),
        loss=LossConfig(
            adversarial="bce", penalties=("r1",), gamma=10.0, gamma_end=1.0, penalty_stride=4
        ),
        optim=OptimConfig(lr_g=3e-3, lr_d=3e-3, lr_end=0.1, beta1=0.0, beta2=0.99),
        augment=AugmentConfig(operations=("translation", "color"), p=0.3),
        batch_size=16,
    )


def stylegan2(images: str, data: DataConfig) -> TrainConfig:
    """StyleGAN2 with adaptive augmentation (1912.04958, 2006.06676), narrow, for two cores.

    Styles to mix and walk in. EuroSAT at 64 px, ten minutes on one core: kid_vgg19 2.5, where
    `quick` has 2.3; hands in 45 minutes are clean (docs/latent.md). For a GPU add
    `--model.base 16384 --model.most 512 --batch-size 32`.
    """
    height, width = sides(data.resolution)
    px, batch_size = min(height, width), 16
    gamma = 2e-4 * height * width / batch_size
    return TrainConfig(
        images=images,
        preset="stylegan2",
        recipe="stylegan2",
        data=data,
        model=registry.parse({"arch": "stylegan2"}),
        loss=LossConfig(
            adversarial="bce",
            penalties=("r1",),
            gamma=gamma,
            gamma_end=gamma,
            penalty_mode="lazy",
            penalty_every=16,
        ),
        optim=OptimConfig(lr_g=2.5e-3, lr_d=2.5e-3, beta1=0.0, beta2=0.99),
        # Small pictures have few layers to mix, and their paths are even enough.
        styles=StylesConfig(mixing=0.9 if px > 32 else 0.0, path_length=2.0 if px > 64 else 0.0),
        augment=AugmentConfig(operations=("translation", "color"), p=0.0, adaptive=True),
        batch_size=batch_size,
    )


def gpu(images: str, data: DataConfig) -> TrainConfig:
    """One CUDA GPU and hours: residual networks, relativistic pairs, R1 and R2 (2501.05441).

    The settings follow R3GAN; on a GPU they were run for two minutes only, which is too short.
    """
    return TrainConfig(
        images=images,
        preset="gpu",
        data=data,
        model=registry.parse({"arch": "resnet", "width": 3.0}),
        loss=LossConfig(
            adversarial="relativistic", penalties=("r1", "r2"), gamma=4.0, gamma_end=0.4
        ),
        optim=OptimConfig(lr_g=2e-4, lr_d=2e-4, lr_end=0.25, beta1=0.0, beta2=0.99),
        augment=AugmentConfig(operations=("translation", "color"), p=0.3),
        batch_size=64,
        minutes=240.0,
    )


def fastgan(images: str, data: DataConfig) -> TrainConfig:
    """FastGAN (2101.04775) for some hundred pictures, at widths for two processor cores.

    300 paintings at 128 px, ten minutes on one core: kid_vgg19 23, where `few` has 4.7
    (docs/families.md); it wants longer. Expect near copies under 100 pictures here too.
    """
    return TrainConfig(
        images=images,
        preset="fastgan",
        recipe="fastgan",
        data=data,
        model=registry.parse({"arch": "fastgan"}),
        loss=LossConfig(adversarial="hinge", soft=0.8, penalties=()),
        optim=OptimConfig(beta1=0.5, beta2=0.999),
        augment=AugmentConfig(operations=("color", "translation")),
        batch_size=8,
    )


def vae(images: str, data: DataConfig) -> TrainConfig:
    """A variational autoencoder (1312.6114): no adversary, no collapse, blurred pictures.

    EuroSAT at 64 px, ten minutes on one core: kid_vgg19 2.5, a quarter of the coverage of `quick`.
    """
    return TrainConfig(
        images=images,
        preset="vae",
        recipe="vae",
        data=data,
        model=registry.parse({"arch": "vae"}),
        loss=LossConfig(penalties=()),
        optim=OptimConfig(lr_g=1e-3, lr_d=1e-3, lr_end=0.1, beta1=0.9, beta2=0.999),
        batch_size=32,
    )


PRESETS: dict[str, Preset] = {
    "quick": quick,
    "few": few,
    "lesson": lesson,
    "dcgan": dcgan,
    "residual": residual,
    "progressive": progressive,
    "msg": msg,
    "stylegan2": stylegan2,
    "fastgan": fastgan,
    "vae": vae,
    "gpu": gpu,
}
BY_ARCH = {
    "mlp": "lesson",
    "dcgan": "dcgan",
    "resnet": "residual",
    "progressive": "progressive",
    "msg": "msg",
    "stylegan2": "stylegan2",
    "fastgan": "fastgan",
    "vae": "vae",
}
"""Presets made for an architecture that was asked for by name."""
ARCH_OF = {preset: arch for arch, preset in BY_ARCH.items()} | {
    "quick": "dcgan",
    "few": "dcgan",
    "gpu": "resnet",
}
"""The architecture of each preset."""


def resolve(
    images: str,
    facts: Facts,
    *,
    preset: str | None = None,
    arch: str | None = None,
    resolution: Resolution | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> TrainConfig:
    """Return the complete configuration: a preset with the user's settings over it.

    Raises ConfigError for unknown names and for settings that do not go together.
    """
    wanted = dict(overrides or {})
    wanted_data = dict(wanted.pop("data", {}))
    arch = arch or wanted.get("model", {}).get("arch")
    preset = preset or wanted.pop("preset", None) or _preset_for(facts, arch)
    if preset not in PRESETS:
        raise ConfigError(f"there is no preset {preset!r}; choose from {', '.join(PRESETS)}")
    if resolution is not None:
        wanted_data["resolution"] = resolution
    chosen = {"resolution": facts.native_px, "channels": facts.channels}
    data = DataConfig.from_dict(merge(chosen, wanted_data))
    config = _tried(preset, images, data).to_dict() | {"data": data.to_dict()}
    if arch is not None and arch != config["model"]["arch"]:
        config["model"] = registry.parse({"arch": arch}).to_dict()
    wanted.pop("images", None)
    return TrainConfig.from_dict(merge(config, wanted | {"preset": preset}))


def rates_off(config: TrainConfig) -> tuple[float, float]:
    """How many times the learning rates of G and D are those that their preset was tried with."""
    tried = tried_settings(config)
    if tried is None:
        return 1.0, 1.0
    return config.optim.lr_g / tried.optim.lr_g, config.optim.lr_d / tried.optim.lr_d


def width_off(config: TrainConfig) -> float:
    """How many times as wide as G its discriminator is, where a setting says so; else 1."""
    width, width_d = (getattr(config.model, name, 0) for name in ("width", "width_d"))
    return float(width_d / width) if width_d else 1.0


def tried_settings(config: TrainConfig) -> TrainConfig | None:
    """Return the preset as it was tried; None for settings that came from none."""
    if config.preset not in PRESETS:
        return None
    return _tried(config.preset, config.images, config.data)


def _tried(preset: str, images: str, data: DataConfig) -> TrainConfig:
    """A preset for these pictures; for 64 px where its own architecture has not their size."""
    try:
        return PRESETS[preset](images, data)
    except ValidationError:
        return PRESETS[preset](images, replace(data, resolution=TRIED_PX))


def _preset_for(facts: Facts, arch: str | None) -> str:
    if arch in BY_ARCH:
        return BY_ARCH[arch]
    return "few" if facts.num_images < FEW else "quick"


def _fast(images: str, data: DataConfig, name: str, augment: AugmentConfig) -> TrainConfig:
    """The recipe that learned most in equal minutes on two cores (docs/recipes.md).

    Narrow strided convolutions with a blurred last layer; D without normalisation but with R1 on a
    quarter of each batch, on pictures of which a part is augmented; both networks taught by one
    pass; a high learning rate that falls.
    """
    return TrainConfig(
        images=images,
        preset=name,
        recipe="simultaneous",
        data=data,
        model=registry.parse(
            {
                "arch": "dcgan",
                "width": 24,
                "z_dim": 64,
                "blur": True,
                "norm_d": "none",
                "init": "he",
            }
        ),
        loss=LossConfig(
            adversarial="bce", penalties=("r1",), gamma=10.0, gamma_end=1.0, penalty_stride=4
        ),
        optim=OptimConfig(lr_g=2e-3, lr_d=2e-3, lr_end=0.1, warmup_kimg=1.0, beta1=0.0, beta2=0.99),
        augment=augment,
        cure=CureConfig(fit_contrast=True),
        ema=EmaConfig(half_life=0.05, ramp=0.05),
        batch_size=16,
    )
