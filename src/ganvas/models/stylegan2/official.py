"""The official networks (StyleGAN2 and -ADA for PyTorch) as ours: names and scales (no torch here).

There the gain sqrt 2 of a leaky ReLU stands behind it, here in front, in the weights: biases and
noise strengths, which it does not reach here, are multiplied by it. Here the pixels of each size
are multiplied by 1 / sqrt(number of sizes) and strengths by NOISE_RATE: so these are divided by it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ganvas.core.errors import CheckpointError
from ganvas.layers.sizes import sizes_to
from ganvas.models.stylegan2.config import MAPPING_RATE, NOISE_RATE, Config, channels_at

if TYPE_CHECKING:
    from torch import Tensor

LICENCE = "its weights keep their licence (NVIDIA's own are for non-commercial use only)"
FILTER = [a * b for a in (1, 3, 3, 1) for b in (1, 3, 3, 1)]
"""[1 3 3 1] in both directions, times 64."""
LINEAR = ("affine", "embed", "out", "skip")
"""Layers without an activation."""
SQRT2 = math.sqrt(2)
Row = tuple[str, str, float]
"""A tensor's name here, its name there, and what it is multiplied by."""


@runtime_checkable
class Network(Protocol):
    """A network as plain data; `runs.pickled.PickledNetwork` is one."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...
    def tensors(self) -> "dict[str, Tensor]": ...


def header(networks: Mapping[str, Network]) -> dict[str, Any]:
    """Say how to build these networks, as the header of a generator file does.

    Raises CheckpointError, in one sentence, for what ours cannot represent.
    """
    G = _generator(networks)
    sizes, widths = _sizes(G), [G.shapes[f"synthesis.b{s}.conv1.weight"][0] for s in _sizes(G)]
    w_dim, joined = G.shapes["mapping.fc0.weight"]
    # The file has no number where the spread is that of the whole batch, and no layer for none.
    D = networks["D"].settings if "D" in networks else {"b4.mbstd.group_size": 4}
    config = Config.from_dict(
        {
            "z_dim": joined - G.shapes.get("mapping.embed.weight", (0,))[0],
            "w_dim": w_dim,
            "mapping_layers": len(_numbers(G, "mapping.fc{}.weight")),
            "base": sizes[-1] * widths[-1],
            "most": max(widths),
            "stddev_group": D.get("b4.mbstd.group_size", 64 * ("b4.mbstd.num_channels" in D)),
        }
    )
    problem = config.problem_with(resolution=sizes[-1], alone=False)
    if problem is None and widths != [channels_at(size, config) for size in sizes]:
        problem = f"its channels are {widths}, where ours are min(base / size, most)"
    if problem:
        raise CheckpointError(problem)
    channels = G.shapes["synthesis.b4.torgb.bias"][0]
    shape = {"channels": channels, "resolution": sizes[-1], "num_classes": _num_classes(G)}
    return {"model": config.to_dict()} | shape


def generator(networks: Mapping[str, Network], name: str = "G_ema") -> "dict[str, Tensor]":
    """Return the tensors of G_ema or G under our names; where one is missing, the other's."""
    G = networks.get(name) or _generator(networks)
    tensors, num_classes = G.tensors(), _num_classes(G)
    embedding = {}
    if num_classes:
        # One number of a label is 1, the others 0: a linear layer picks a column.
        weight, bias = tensors.pop("mapping.embed.weight"), tensors.pop("mapping.embed.bias")
        embedding = {"mapping.latent.embedding.weight": weight.T / math.sqrt(num_classes) + bias}
    found = _moved(G, tensors, _generator_rows(G))
    found["start"] = found["start"][None]
    found["w_mean"] = found["w_mean"].repeat(max(1, num_classes), 1)
    noises = {name: noise[None, None] for name, noise in found.items() if name.endswith(".noise")}
    return found | noises | embedding


def discriminator(networks: Mapping[str, Network]) -> "dict[str, Tensor]":
    """Return the tensors of D under our names, none where there is no D.

    Raises CheckpointError for one that maps labels, which ours does not.
    """
    D = networks.get("D")
    if D is not None and _num_classes(D):
        raise CheckpointError(
            "its discriminator maps labels through layers that ours does not have: start from its "
            "generator alone, as ganvas export writes it"
        )
    return _moved(D, D.tensors(), _discriminator_rows(D)) if D else {}


def _generator(networks: Mapping[str, Network]) -> Network:
    """Return the generator if it has the layers that its sizes are read from."""
    found = networks.get("G_ema") or networks.get("G")
    needed = ["mapping.fc0.weight", "synthesis.b4.const", "synthesis.b4.torgb.bias"]
    needed += [f"synthesis.b{size}.conv1.weight" for size in (_sizes(found) if found else ())]
    if found is None or not all(found.shapes.get(name) for name in needed):
        raise CheckpointError("the file has no generator of StyleGAN2 (StyleGAN3's is another one)")
    return found


def _numbers(network: Network, pattern: str) -> list[int]:
    """Find the numbers at the place {} of names, in order."""
    before, after = pattern.split("{}")
    between = [name.removeprefix(before).removesuffix(after) for name in network.shapes]
    return sorted(
        int(one) for one in between if one.isdecimal() and pattern.format(one) in network.shapes
    )


def _sizes(G: Network) -> list[int]:
    return sizes_to(max(_numbers(G, "synthesis.b{}.torgb.weight"), default=4))


def _num_classes(network: Network) -> int:
    return network.shapes.get("mapping.embed.weight", (0, 0))[1]


def _generator_rows(G: Network) -> Iterator[Row]:
    yield "w_mean", "mapping.w_avg", 1.0
    for index in _numbers(G, "mapping.fc{}.weight"):
        yield from _layer_rows(f"mapping.layers.{2 * index}", f"mapping.fc{index}", SQRT2)
    yield "start", "synthesis.b4.const", 1.0
    sizes = _sizes(G)
    convolutions = [f"synthesis.b{size}.conv{number}" for size in sizes for number in (0, 1)][1:]
    for index, there in enumerate(convolutions):
        here = f"layers.{index}"
        yield from _modulated_rows(here, there, weight=1.0, bias=SQRT2)
        yield f"{here}.noise_strength", f"{there}.noise_strength", SQRT2 / NOISE_RATE
        yield f"{here}.noise", f"{there}.noise_const", 1.0
    for index, size in enumerate(sizes):
        there = f"synthesis.b{size}.torgb"
        yield from _modulated_rows(
            f"to_pixels.{index}", there, weight=math.sqrt(len(sizes)), bias=1.0
        )


def _modulated_rows(here: str, there: str, *, weight: float, bias: float) -> Iterator[Row]:
    yield from _layer_rows(f"{here}.style", f"{there}.affine", 1.0)
    yield f"{here}.conv.weight", f"{there}.weight", weight
    yield f"{here}.bias", f"{there}.bias", bias


def _discriminator_rows(D: Network) -> Iterator[Row]:
    sizes = _numbers(D, "b{}.skip.weight")[::-1]
    yield from _layer_rows("body.0", f"b{max(sizes, default=8)}.fromrgb", SQRT2)
    for index, size in enumerate(sizes, start=2):
        yield from _layer_rows(f"body.{index}.conv1", f"b{size}.conv0", SQRT2)
        # Behind this one the gain and the 1 / sqrt 2 of the sum cancel, there and here.
        yield from _layer_rows(f"body.{index}.conv2", f"b{size}.conv1", 1.0)
        yield f"body.{index}.skip.weight", f"b{size}.skip.weight", 1.0
    last = 2 + len(sizes) + ("b4.mbstd.num_channels" in D.settings)
    yield from _layer_rows(f"body.{last}", "b4.conv", SQRT2)
    yield from _layer_rows(f"body.{last + 3}", "b4.fc", SQRT2)
    yield from _layer_rows("head.linear", "b4.out", 1.0)


def _layer_rows(here: str, there: str, gain: float) -> Iterator[Row]:
    yield f"{here}.weight", f"{there}.weight", 1.0
    yield f"{here}.bias", f"{there}.bias", gain


def _moved(
    network: Network, tensors: "dict[str, Tensor]", rows: Iterable[Row]
) -> "dict[str, Tensor]":
    """Rename and scale: each tensor by its row, each row with its tensor; only filters are left."""
    for name, value in network.settings.items():
        layer, _, attribute = name.rpartition(".")
        linear = layer.endswith(LINEAR)
        wanted: dict[str, str | float] = {"activation": "linear" if linear else "lrelu"}
        wanted |= {
            "num_channels": 1,
            "bias_gain": MAPPING_RATE if layer.startswith("mapping.fc") else 1,
        }
        if value != wanted.get(attribute, value):
            raise CheckpointError(f"its {name} is {value}, where ours has {wanted[attribute]}")
    found = {}
    for here, there, factor in rows:
        if there not in tensors:
            raise CheckpointError(f"it has no {there}, which ours needs")
        found[here] = tensors.pop(there) * factor
    for name, tensor in tensors.items():
        if not name.endswith("resample_filter"):
            raise CheckpointError(f"it has {name}, for which ours has no place")
        if (64 * tensor).round().flatten().tolist() != FILTER:
            raise CheckpointError(f"its {name} is not [1 3 3 1], as ours is")
    return found
