"""What pictures are named by: seeds, classes, and the latents that projections have found."""

import json
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from pydantic import ConfigDict

from ganvas.core.config import Config
from ganvas.core.errors import ConfigError
from ganvas.latent.space import Labels, Points, Space, space_of
from ganvas.models.base import Generator, StyleGenerator, seeded_latents

Station = int | str | Path
"""A seed, or the path of a latent.json."""
Label = str | int | None
"""A class by name or number; None for that which a seed has in sample grids."""
SpaceName = Literal["z", "w", "w+"]


class Found(Config):
    """A latent.json: what `ganvas project` found."""

    model_config = ConfigDict(extra="ignore")

    space: SpaceName
    latent: tuple[tuple[float, ...], ...]
    """Rows of numbers: one z, one style w, or a style for each layer."""
    label: int | None = None
    loss: float | None = None
    step: int | None = None


class Stations(NamedTuple):
    """Points of one space, in the order in which they were named."""

    space: Space
    points: Points
    labels: Labels | None


def stations(G: Generator, names: Sequence[Station], labels: Sequence[Label]) -> Stations:
    """Return the points of seeds and found latents in the generator's own space.

    `labels` are for the first, the second ... and begin anew; None leaves a seed or a found
    latent its own class. A found style keeps its class in any case. Raises ConfigError.
    """
    device, space = next(G.parameters()).device, space_of(G)
    found = {k: read_latent(name, G) for k, name in enumerate(names) if not isinstance(name, int)}
    seeds = [name if isinstance(name, int) else 0 for name in names]
    z, classes = seeded_latents(seeds, G.z_dim), []
    for k, (seed, label) in enumerate(zip(seeds, cycle(labels), strict=False)):
        if k in found and found[k].space == "z":
            z[k] = torch.tensor(found[k].latent[0])
        known = found[k].label if k in found and label is None else label
        classes.append(class_of(G, seed, known))
    shown = torch.tensor(classes).to(device) if G.num_classes else None
    points = space.points(z.to(device), shown)
    styles = {k: torch.tensor(one.latent) for k, one in found.items() if one.space != "z"}
    points = points.repeat(1, max([1, *map(len, styles.values())]), 1)
    for k, rows in styles.items():
        points[k] = rows
    return Stations(space, points, shown)


def read_latent(path: str | Path, G: Generator) -> Found:
    """Read a latent.json. Raises ConfigError when it is none or of another kind of generator."""
    try:
        found = Found.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except (ValueError, TypeError, ConfigError) as error:
        raise ConfigError(f"{path} is not the latent.json of a projection: {error}") from None
    fitting = {"z": (1, G.z_dim)}
    if isinstance(G, StyleGenerator):
        size = G.w_mean.shape[1]
        fitting |= {"w": (1, size), "w+": (G.num_styles, size)}
    shapes = {(len(found.latent), len(row)) for row in found.latent}
    if shapes != {fitting.get(found.space)}:
        raise ConfigError(f"{path} was found with another generator: its latent does not fit here")
    return found


def class_names(G: Generator) -> tuple[str, ...]:
    """Names of a loaded generator's classes; empty when it has none."""
    names: tuple[str, ...] = vars(G).get("class_names", ())
    return names


def split_labels(G: Generator, label: Label | Sequence[Label]) -> list[Label]:
    """Read several classes from "cat,dog"; a name that has a comma in it is one class."""
    if isinstance(label, Sequence) and not isinstance(label, str):
        return list(label)
    is_list = isinstance(label, str) and label not in class_names(G)
    return list(str(label).split(",")) if is_list else [label]


def class_of(G: Generator, seed: int, label: Label) -> int | None:
    """Return the class that is meant by `label`, by name or number; else the seed's own.

    None for a generator without classes. Raises ConfigError for a class it does not have.
    """
    if G.num_classes == 0:
        if label is not None:
            raise ConfigError(f"label {label!r}: this generator was trained without classes")
        return None
    if label is None:
        return seed % G.num_classes
    names = class_names(G)
    if isinstance(label, str):
        if label in names:
            label = names.index(label)
        elif label.isdecimal():
            label = int(label)
    if not isinstance(label, int) or not 0 <= label < G.num_classes:
        choices = ", ".join(names[:20]) or f"0 to {G.num_classes - 1}"
        raise ConfigError(f"there is no class {label!r}; choose from {choices}")
    return label
