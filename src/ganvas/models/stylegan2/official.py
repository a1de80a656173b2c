"""The official networks (StyleGAN2 and -ADA for PyTorch) as ours: names and scales (no torch here).

There the gain sqrt 2 of a leaky ReLU stands behind it, here in front, in the weights: biases and
noise strengths, which it does not reach here, are multiplied by it. Here the pixels of each size
are multiplied by 1 / sqrt(number of sizes), so their weights are divided by it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ganvas.core.errors import CheckpointError
from ganvas.layers.sizes import sizes_to
from ganvas.models.stylegan2.config import Config, channels_at

if TYPE_CHECKING:
    from torch import Tensor

LICENCE = (
    "its weights stay under the licence they came with (NVIDIA's own: for non-commercial use only)"
)
FILTER = [a * b for a in (1, 3, 3, 1) for b in (1, 3, 3, 1)]
"""[1 3 3 1] in both directions, times 64."""
WITHOUT_ACTIVATION = ("affine", "embed", "out", "skip")
SQRT2 = math.sqrt(2)

Shapes = Mapping[str, tuple[int, ...]]
Row = tuple[str, str, float]
"""A tensor's name here, its name there, and what it is multiplied by."""


@runtime_checkable
class Network(Protocol):
    """A network as plain data; `runs.pickled.PickledNetwork` is one."""

    @property
    def shapes(self) -> Shapes: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...
    def tensors(self) -> "dict[str, Tensor]": ...


def header(networks: Mapping[str, Network]) -> dict[str, Any]:
    """Say how to build these networks, as the header of a generator file does.

    Raises CheckpointError, in one sentence, for what ours cannot represent.
    """
    G = _generator(networks)
    try:
        config, resolution = _config(networks, G), _resolution(G)
        channels = G.shapes[f"synthesis.b{resolution}.torgb.weight"][0]
    except (LookupError, ValueError) as error:
        raise CheckpointError(f"the generator is not built as StyleGAN2 is: {error}") from None
    problem = config.problem_with(resolution=resolution, penalties=False)
    if problem:
        raise CheckpointError(problem)
    for size in sizes_to(resolution):
        width = G.shapes.get(f"synthesis.b{size}.conv1.weight", (0,))[0]
        if width != channels_at(size, config):
            raise CheckpointError(
                f"the generator has {width} channels at {size} px, where ours has "
                f"{channels_at(size, config)}: min(base / size, most)"
            )
    return {
        "model": config.to_dict(),
        "channels": channels,
        "resolution": resolution,
        "num_classes": _num_classes(G),
    }


def generator(networks: Mapping[str, Network], name: str = "G_ema") -> "dict[str, Tensor]":
    """Return the tensors of G_ema or G under our names; where one is missing, the other's."""
    G = networks.get(name) or _generator(networks)
    tensors, num_classes = G.tensors(), _num_classes(G)
    embedding = {}
    if num_classes:
        # One number of a label is 1, the others 0: a linear layer picks a column.
        weight, bias = tensors.pop("mapping.embed.weight"), tensors.pop("mapping.embed.bias")
        row = weight.T / math.sqrt(num_classes) + bias
        embedding = {"mapping.latent.embedding.weight": row.contiguous()}
    found = _moved(G, tensors, [*_mapping_rows(G), *_synthesis_rows(sizes_to(_resolution(G)))])
    found["start"] = found["start"][None]
    found["w_mean"] = found["w_mean"].repeat(max(1, num_classes), 1)
    noises = {name: noise[None, None] for name, noise in found.items() if name.endswith(".noise")}
    return found | noises | embedding


def discriminator(networks: Mapping[str, Network]) -> "dict[str, Tensor]":
    """Return the tensors of D under our names, none where there is no D.

    Raises CheckpointError for one that maps labels, which ours does not.
    """
    D = networks.get("D")
    if D is None:
        return {}
    if _num_classes(D):
        raise CheckpointError(
            "its discriminator maps labels through layers that ours does not have: start from its "
            "generator alone, as ganvas export writes it"
        )
    return _moved(D, D.tensors(), _discriminator_rows(D.shapes))


def _generator(networks: Mapping[str, Network]) -> Network:
    found = networks.get("G_ema") or networks.get("G")
    if found is None or "synthesis.b4.const" not in found.shapes:
        raise CheckpointError("the file has no generator of StyleGAN2 (StyleGAN3 is another one)")
    return found


def _config(networks: Mapping[str, Network], G: Network) -> Config:
    shapes, resolution = G.shapes, _resolution(G)
    widths = [shapes[name][0] for name in _names(shapes, "synthesis.b{}.conv1.weight")]
    w_dim, joined = shapes["mapping.fc0.weight"]
    # The file has no number where the spread is that of the whole batch, and no layer for none.
    D = networks["D"].settings if "D" in networks else {"b4.mbstd.group_size": 4}
    group = D.get("b4.mbstd.group_size", 64 if "b4.mbstd.num_channels" in D else 0)
    return Config.from_dict(
        {
            "z_dim": joined - shapes.get("mapping.embed.weight", (0,))[0],
            "w_dim": w_dim,
            "mapping_layers": len(_names(shapes, "mapping.fc{}.weight")),
            "base": resolution * shapes[f"synthesis.b{resolution}.conv1.weight"][0],
            "most": max(widths),
            "stddev_group": group,
        }
    )


def _names(shapes: Shapes, pattern: str) -> dict[str, int]:
    """Find the names of a pattern, each with the number in its place."""
    before, after = pattern.split("{}")
    between = {name: name.removeprefix(before).removesuffix(after) for name in shapes}
    return {
        name: int(number)
        for name, number in between.items()
        if number.isdecimal() and name == pattern.format(number)
    }


def _resolution(G: Network) -> int:
    return max(_names(G.shapes, "synthesis.b{}.torgb.weight").values())


def _num_classes(network: Network) -> int:
    return network.shapes.get("mapping.embed.weight", (0, 0))[1]


def _mapping_rows(G: Network) -> Iterator[Row]:
    yield "w_mean", "mapping.w_avg", 1.0
    for index in range(len(_names(G.shapes, "mapping.fc{}.weight"))):
        yield from _layer_rows(f"mapping.layers.{2 * index}", f"mapping.fc{index}", SQRT2)


def _synthesis_rows(sizes: Sequence[int]) -> Iterator[Row]:
    yield "start", "synthesis.b4.const", 1.0
    convolutions = [f"b{size}.conv{number}" for size in sizes for number in (0, 1)][1:]
    for index, name in enumerate(convolutions):
        here, there = f"layers.{index}", f"synthesis.{name}"
        yield from _modulated_rows(here, there, 1.0)
        yield f"{here}.bias", f"{there}.bias", SQRT2
        yield f"{here}.noise_strength", f"{there}.noise_strength", SQRT2
        yield f"{here}.noise", f"{there}.noise_const", 1.0
    for index, size in enumerate(sizes):
        here, there = f"to_pixels.{index}", f"synthesis.b{size}.torgb"
        yield from _modulated_rows(here, there, math.sqrt(len(sizes)))
        yield f"{here}.bias", f"{there}.bias", 1.0


def _discriminator_rows(shapes: Shapes) -> Iterator[Row]:
    sizes = sorted(_names(shapes, "b{}.skip.weight").values(), reverse=True)
    yield from _layer_rows("body.0", f"b{max(sizes, default=8)}.fromrgb", SQRT2)
    for index, size in enumerate(sizes, start=2):
        yield from _layer_rows(f"body.{index}.conv1", f"b{size}.conv0", SQRT2)
        # Behind this one the gain and the 1 / sqrt 2 of the sum cancel, there and here.
        yield from _layer_rows(f"body.{index}.conv2", f"b{size}.conv1", 1.0)
        yield f"body.{index}.skip.weight", f"b{size}.skip.weight", 1.0
    width, joined = shapes.get("b4.conv.weight", (0, 0))[:2]
    last = 2 + len(sizes) + (joined > width)
    yield from _layer_rows(f"body.{last}", "b4.conv", SQRT2)
    yield from _layer_rows(f"body.{last + 3}", "b4.fc", SQRT2)
    yield from _layer_rows("head.linear", "b4.out", 1.0)


def _layer_rows(here: str, there: str, gain: float) -> Iterator[Row]:
    yield f"{here}.weight", f"{there}.weight", 1.0
    yield f"{here}.bias", f"{there}.bias", gain


def _modulated_rows(here: str, there: str, gain: float) -> Iterator[Row]:
    yield from _layer_rows(f"{here}.style", f"{there}.affine", 1.0)
    yield f"{here}.conv.weight", f"{there}.weight", gain


def _moved(
    network: Network, tensors: "dict[str, Tensor]", rows: Iterable[Row]
) -> "dict[str, Tensor]":
    """Rename and scale: each tensor by its row, each row with its tensor; only filters are left."""
    for name, value in network.settings.items():
        *path, attribute = name.split(".")
        linear = bool(path) and path[-1] in WITHOUT_ACTIVATION
        wanted: dict[str, str | float] = {
            "activation": "linear" if linear else "lrelu",
            "num_channels": 1,
        }
        if path[:-1] == ["mapping"] and not linear:
            wanted["bias_gain"] = 0.01
        if value != wanted.get(attribute, value):
            raise CheckpointError(f"its {name} is {value}, where ours has {wanted[attribute]}")
    found = {}
    for here, there, factor in rows:
        if there not in tensors:
            raise CheckpointError(f"it has no {there}: ours cannot do without")
        found[here] = tensors.pop(there) * factor
    for name, tensor in tensors.items():
        if not name.endswith("resample_filter"):
            raise CheckpointError(f"it has {name}, for which ours has no place")
        if (64 * tensor).round().flatten().tolist() != FILTER:
            raise CheckpointError(f"its {name} is not [1 3 3 1], as ours is")
    return found
