"""Pictures from seeds: a seed means one picture, in any batch and on any device."""

from collections.abc import Sequence

import torch
from jaxtyping import Int64
from PIL import Image
from torch import Tensor

from ganvas.core.errors import ConfigError
from ganvas.core.pixels import to_arrays
from ganvas.models.base import Generator, seeded_latents, truncated

CPU_BATCH = 8
"""Large enough for speed, small enough that one picture costs little."""


def generate(
    G: Generator,
    seeds: Sequence[int],
    *,
    psi: float = 1.0,
    label: str | int | None = None,
    batch_size: int = 64,
) -> list[Image.Image]:
    """Return a picture a seed: the same whichever seeds stand beside it.

    Other devices and thread counts round differently: there a pixel may differ by a grey level.
    `psi` below 1 trades variety for typical pictures; see `models.base.truncated`. `label` is a
    class by name or number; without it, seed s shows class s modulo their number, as in the
    sample grids of the training.
    """
    if G.training:
        raise ConfigError("the generator is in training mode: call G.eval() first")
    if G.channels not in (1, 3):
        raise ConfigError(f"this generator makes points with {G.channels} values, not pictures")
    device = next(G.parameters()).device
    size = min(batch_size, CPU_BATCH) if device.type == "cpu" else batch_size
    pictures: list[Image.Image] = []
    for start in range(0, len(seeds), size):
        some = list(seeds[start : start + size])
        # Sums are rounded differently in batches of another size: all have one, the last is
        # filled up with its own last seed.
        full = some + some[-1:] * (size - len(some))
        z = seeded_latents(full, G.z_dim).to(device)
        labels = labels_for(G, full, label)
        with torch.inference_mode():
            labels = None if labels is None else labels.to(device)
            images = G(z, labels) if psi == 1 else truncated(G, z, labels, psi=psi)
        for pixels in to_arrays(images[: len(some)]):
            pictures.append(Image.fromarray(pixels[..., 0] if G.channels == 1 else pixels))
    return pictures


def class_names(G: Generator) -> tuple[str, ...]:
    """Names of a loaded generator's classes; empty when it has none."""
    names: tuple[str, ...] = vars(G).get("class_names", ())
    return names


def labels_for(
    G: Generator, seeds: Sequence[int], label: str | int | None
) -> Int64[Tensor, " b"] | None:
    """Return each seed's class: `label` by name or number, else s modulo their number.

    None for a generator without classes. Raises ConfigError for a class it does not have.
    """
    if G.num_classes == 0:
        if label is not None:
            raise ConfigError(f"label {label!r}: this generator was trained without classes")
        return None
    if label is None:
        return torch.tensor([seed % G.num_classes for seed in seeds])
    names = class_names(G)
    if isinstance(label, str):
        if label in names:
            label = names.index(label)
        elif label.isdecimal():
            label = int(label)
    if not isinstance(label, int) or not 0 <= label < G.num_classes:
        choices = ", ".join(names[:20]) or f"0 to {G.num_classes - 1}"
        raise ConfigError(f"there is no class {label!r}; choose from {choices}")
    return torch.full((len(seeds),), label)
