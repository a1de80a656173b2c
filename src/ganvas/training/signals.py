"""Signs of health: pure functions of logits, features, gradients and pixels, all in fp32."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

Scalar = Float[Tensor, ""]
Vectors = Float[Tensor, "n f"]
Images = Float[Tensor, "n c h w"]

POOLED_PX = 8
"""Pictures are compared after averaging down to this: grain and small shifts do not count."""
SMALLEST = 1e-12
"""Keeps ratios finite where both parts vanish."""
ORDINARY_CONTRAST = 0.28
"""Median contrast of paintings; photos and drawings have 0.3 to 0.6, satellite pictures 0.14."""
CLIPPED = 0.99
"""From here on a pixel is black or white, which are -1 and 1."""


def pair_margin(real_logits: Float[Tensor, " r"], fake_logits: Float[Tensor, " f"]) -> Scalar:
    """How far reals score above fakes: E[r] - E[f]."""
    return real_logits.mean() - fake_logits.mean()


def pair_accuracy(real_logits: Float[Tensor, " r"], fake_logits: Float[Tensor, " f"]) -> Scalar:
    """Share of all pairs whose real scores above its fake: (1 + E sign(r_i - f_j)) / 2.

    Half means that D guesses. Valid for every loss: the level of the logits does not matter.
    """
    signs = torch.sign(real_logits[:, None] - fake_logits[None, :])
    return (1 + signs.mean()) / 2


def overfitting(
    trained: Float[Tensor, " t"], held_out: Float[Tensor, " v"], fake: Float[Tensor, " f"]
) -> Scalar:
    """r_v = (E D_train - E D_val) / (E D_train - E D_gen) (2006.06676, equation 1).

    0: D scores pictures that it never saw like those it learns from; 1: like fakes. Level and
    scale of the logits cancel. A D that does not tell fakes from reals, within the noise of its
    logits, has not overfitted: there the denominator is held at their standard deviation.
    """
    noise = trained.std(correction=0).clamp_min(SMALLEST)
    between = (trained.mean() - fake.mean()).clamp_min(noise)
    return (trained.mean() - held_out.mean()) / between


def pooled(images: Images) -> Float[Tensor, "n f"]:
    """Pictures averaged down to at most 8x8, as vectors."""
    size = min(POOLED_PX, images.shape[-1])
    return adaptive_avg_pool2d(images, size).flatten(1)


def distances(vectors: Vectors) -> Float[Tensor, " p"]:
    """Root mean square distances of all pairs."""
    found: Tensor = torch.pdist(vectors) / vectors.shape[1] ** 0.5
    return found


def diversity(fake: Float[Tensor, "n f"], real: Float[Tensor, "m f"]) -> Scalar:
    """Mean distance between two fakes over that between two reals; 0 is a collapse."""
    return distances(fake).mean() / distances(real).mean().clamp_min(SMALLEST)


def duplicates(vectors: Vectors, *, closer_than: float | Scalar) -> Scalar:
    """Share of pairs that are nearly the same picture."""
    return (distances(vectors) < closer_than).float().mean()


def contrast(images: Images) -> Float[Tensor, " n"]:
    """Root mean square distance of each picture's pixels from their mean colour: 0 is a blank."""
    return images.flatten(2).var(dim=2, correction=0).mean(dim=1).sqrt()


def relative_contrast(images: Images) -> float:
    """Median contrast as a part of that of ordinary pictures, 0.2 to 1.

    Points in a plane, of one pixel each, count as ordinary.
    """
    if images[0, 0].numel() == 1:
        return 1.0
    return min(1.0, max(0.2, contrast(images).median().item() / ORDINARY_CONTRAST))


def blank(images: Images, *, below: float | Scalar) -> Scalar:
    """Share of pictures with less contrast than `below`."""
    return (contrast(images) < below).float().mean()


def clipped(images: Images) -> Scalar:
    """Share of values at the ends of the range [-1, 1], or beyond them."""
    return (images.abs() > CLIPPED).float().mean()


def gradient_norm(parameters: Iterable[nn.Parameter]) -> Scalar:
    """Length of the gradient that the last step left behind, over all weights."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms: Tensor = torch.stack(torch._foreach_norm(gradients)).float().norm()
    # Squares of finite numbers can overflow; that is no failure yet.
    return norms.clamp_max(torch.finfo(torch.float32).max)
