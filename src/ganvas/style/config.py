"""Everything that decides how a photo is repainted, with the presets. No torch here."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from ganvas.core.config import Config
from ganvas.core.errors import ConfigError

Loss = Literal["w2", "gram"]
Optimizer = Literal["adam", "lbfgs", "sgd"]
KeepColors = Literal["none", "luminance", "match"]
Variation = Literal["squared", "absolute", "nine-point"]
ContentForm = Literal["mean", "sum"]
Layer = Annotated[str, Field(pattern=r"^relu([12]_[12]|[34]_[1-4]|5_1)$")]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]

MIN_PX: Final = 16
"""Below, the deepest layer of the network sees nothing."""
STYLE_LAYERS: Final = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


class StyleConfig(Config):
    """How a photo is repainted: complete, so that equal settings give the same picture."""

    preset: str = "default"
    """Starting point of the settings below: draft, default or high."""
    size: Annotated[int, Field(ge=MIN_PX, le=20_000)] = 512
    """Long side of the result in pixels."""
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How much of the painting: 0 leaves the photo as it is."""
    style_scale: Annotated[float, Field(gt=0, le=8)] = 1.0
    """Size of the strokes: above 1 larger, below 1 finer."""
    style_weights: tuple[Positive, ...] = ()
    """Shares of several paintings; without it they count alike."""
    keep_colors: KeepColors = "none"
    """match: the painting in the photo's colours; luminance: only light and shade are painted."""
    loss: Loss = "w2"
    """w2: means and covariances, coarse to fine; gram: Gatys et al., at full size."""
    init: str = "content"
    """What to start from: content, noise, style, or a picture file."""
    optimizer: Optimizer = "adam"
    """adam, lbfgs, or sgd, plain gradient descent."""
    content_weight: Weight = 0.5
    """Pull towards the photo's forms."""
    style_weight: Weight = 1.0
    """Pull towards the painting's textures and colours."""
    tv_weight: Weight = 1.0
    """Pull towards smoothness."""
    variation: Variation = "nine-point"
    """How smoothness is measured."""
    content_layers: Annotated[tuple[Layer, ...], Field(min_length=1)] = ("relu4_2",)
    """Layers in which the result should resemble the photo."""
    content_form: ContentForm = "mean"
    """mean does not depend on the size; sum is the paper's one half of the sum."""
    style_layers: Annotated[tuple[Layer, ...], Field(min_length=1)] = STYLE_LAYERS
    """Layers in which the result should resemble the painting."""
    layer_weights: tuple[Weight, ...] = (0.5, 0.7, 1.0, 1.0, 0.2)
    """One weight a style layer."""
    pooling: Literal["max", "average"] = "max"
    """How the network halves a picture."""
    coarsest_px: Annotated[int, Field(ge=0)] = 128
    """Least long side of the first scale; each next one is 1.41 times as large. 0: one scale."""
    steps: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (
        140,
        100,
        80,
        55,
        40,
    )
    """Steps at each scale, coarsest first; further scales take as many as the last."""
    learning_rate: Positive = 0.04
    """First step length of a scale; pixels are in [-1, 1]."""
    final_rate: Positive = 0.01
    """Last step length of a scale."""
    averaging: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of a scale's steps over which the result is averaged; 0 takes the last one."""
    tangent_steps: Annotated[int, Field(ge=1)] = 3
    """Steps between two eigendecompositions."""
    shallow_px: Annotated[int, Field(ge=0)] = 200
    """From this long side on, only layers up to shallow-layer are looked at. 0: never."""
    shallow_layer: Layer = "relu4_2"
    """The last layer that fine scales look at."""
    tile_px: Annotated[int, Field(ge=0)] = 0
    """Side of the tiles that are computed one after another, 224 or more. 0: chosen by memory."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Start of all random numbers."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto measures whether this machine is good at bf16."""

    @model_validator(mode="after")
    def _check(self) -> "StyleConfig":
        if self.preset not in PRESETS:
            raise ValueError(f"preset is {self.preset!r}: choose from {', '.join(PRESETS)}")
        if len(self.layer_weights) != len(self.style_layers):
            raise ValueError(
                f"{len(self.layer_weights)} layer_weights for {len(self.style_layers)} "
                f"style_layers: give one each"
            )
        return self


PRESETS: Final[dict[str, dict[Loss, dict[str, Any]]]] = {
    "draft": {"w2": {"steps": (60, 40, 25, 16, 10)}, "gram": {"steps": (150,)}},
    "default": {"w2": {}, "gram": {"steps": (500,)}},
    "high": {"w2": {"steps": (400, 300, 250, 200, 150)}, "gram": {"steps": (1000,)}},
}
"""What each preset changes, for each style loss.

512 x 512 px on two cores that are good at bf16: draft under a minute, default one to two
minutes and a half; high computes 3.4 times as many pixels as default.
"""

GATYS: Final[dict[str, Any]] = {
    "optimizer": "lbfgs",
    "init": "noise",
    "coarsest_px": 0,
    "shallow_px": 0,
    "averaging": 0.0,
    "layer_weights": (0.2, 0.2, 0.2, 0.2, 0.2),
    "content_weight": 0.02,
    "style_weight": 1.0,
    "tv_weight": 0.0,
}
"""What `--loss gram` sets besides: the paper has one scale, L-BFGS, noise and no variation loss."""


BY_OPTIMIZER: Final[dict[str, dict[str, Any]]] = {
    "sgd": {"learning_rate": 5e-4, "final_rate": 2e-4},
    "lbfgs": {"tangent_steps": 1, "averaging": 0.0},
}
"""Plain descent multiplies gradients, which are about 50, where Adam divides them out; L-BFGS
compares gradients of two steps, so they must belong to the same loss."""


def complete(wanted: Mapping[str, Any]) -> StyleConfig:
    """Lay what the user wants over the preset. Raises ConfigError naming what is wrong."""
    preset, loss = wanted.get("preset", "default"), wanted.get("loss", "w2")
    if preset not in PRESETS:
        raise ConfigError(f"preset is {preset!r}: choose from {', '.join(PRESETS)}")
    values: dict[str, Any] = {}
    if loss == "gram":
        values |= GATYS
    values |= BY_OPTIMIZER.get(wanted.get("optimizer", values.get("optimizer", "adam")), {})
    values |= PRESETS[preset].get(loss, {})
    if "style_layers" in wanted and "layer_weights" not in wanted:
        number = len(wanted["style_layers"])
        values["layer_weights"] = (1 / number,) * number
    return StyleConfig.from_dict(values | dict(wanted))
