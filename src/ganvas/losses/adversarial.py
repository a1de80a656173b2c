"""Adversarial losses as rows of a table: functions of raw logits, reduced in fp32.

With r = D(real), f = D(fake) and softplus(t) = log(1 + e^t). Every square, softplus and margin
is taken per sample and averaged afterwards; averaging first would lose the gradient per sample.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import relu, softplus

from ganvas.core.device import in_fp32
from ganvas.losses.config import AdversarialName

Logits = Float[Tensor, " b"]
Scalar = Float[Tensor, ""]
Soft = float | Float[Tensor, " b"]


@dataclass(frozen=True)
class Adversarial:
    """What D and G minimise."""

    d: Callable[[Logits, Logits, Soft], Scalar]
    """d(real_logits, fake_logits, soft); `soft` matters to bce and hinge, 1 is the plain loss."""
    g: Callable[[Logits | None, Logits], Scalar]
    """g(real_logits, fake_logits); the reals may be None unless `paired`."""
    ideal_d: float
    """What d is at equilibrium with soft = 1, where D cannot tell real from fake."""
    paired: bool = False
    """Whether g compares its fakes with reals."""


def bce_d(real_logits: Logits, fake_logits: Logits, soft: Soft) -> Scalar:
    """Binary cross-entropy (1406.2661): E[s softplus(-r) + (1-s) softplus(r)] + E[softplus(f)].

    s = `soft` is the label of the reals: one-sided smoothing (1606.03498), never on fakes.
    """
    r, f = in_fp32(real_logits), in_fp32(fake_logits)
    return (soft * softplus(-r) + (1 - soft) * softplus(r)).mean() + softplus(f).mean()


def bce_g(_real_logits: Logits | None, fake_logits: Logits) -> Scalar:
    """Non-saturating (1406.2661): E[softplus(-f)], whose gradient stays when D is sure."""
    return softplus(-in_fp32(fake_logits)).mean()


def hinge_d(real_logits: Logits, fake_logits: Logits, soft: Soft) -> Scalar:
    """Hinge (1705.02894, 1802.05957): E[max(0, m - r)] + E[max(0, m + f)].

    m = `soft`; FastGAN (2101.04775) draws it per sample from U(.8, 1), here one m for the i-th
    real and the i-th fake.
    """
    r, f = in_fp32(real_logits), in_fp32(fake_logits)
    return relu(soft - r).mean() + relu(soft + f).mean()


def hinge_g(_real_logits: Logits | None, fake_logits: Logits) -> Scalar:
    """Hinge and Wasserstein: -E[f]."""
    return -in_fp32(fake_logits).mean()


def lsgan_d(real_logits: Logits, fake_logits: Logits, _soft: Soft) -> Scalar:
    """Least squares (1611.04076): E[(r - 1)^2] / 2 + E[f^2] / 2."""
    r, f = in_fp32(real_logits), in_fp32(fake_logits)
    return 0.5 * (r - 1).square().mean() + 0.5 * f.square().mean()


def lsgan_g(_real_logits: Logits | None, fake_logits: Logits) -> Scalar:
    """Least squares (1611.04076): E[(f - 1)^2] / 2."""
    return 0.5 * (in_fp32(fake_logits) - 1).square().mean()


def wgan_d(real_logits: Logits, fake_logits: Logits, _soft: Soft) -> Scalar:
    """Wasserstein (1701.07875): E[f] - E[r]; bounded only together with a gradient penalty."""
    return in_fp32(fake_logits).mean() - in_fp32(real_logits).mean()


def relativistic_d(real_logits: Logits, fake_logits: Logits, _soft: Soft) -> Scalar:
    """Relativistic paired (1807.00734, 2501.05441): E[softplus(-(r_i - f_i))]."""
    return softplus(in_fp32(fake_logits) - in_fp32(real_logits)).mean()


def relativistic_g(real_logits: Logits | None, fake_logits: Logits) -> Scalar:
    """Relativistic paired (1807.00734, 2501.05441): E[softplus(-(f_i - r_i))]."""
    assert real_logits is not None, "a paired loss compares fakes with reals"
    return softplus(in_fp32(real_logits) - in_fp32(fake_logits)).mean()


_LOG_2 = 0.6931471805599453

ADVERSARIAL: dict[AdversarialName, Adversarial] = {
    "bce": Adversarial(bce_d, bce_g, ideal_d=2 * _LOG_2),
    "hinge": Adversarial(hinge_d, hinge_g, ideal_d=2.0),
    "lsgan": Adversarial(lsgan_d, lsgan_g, ideal_d=0.25),
    "wgan": Adversarial(wgan_d, hinge_g, ideal_d=0.0),
    "relativistic": Adversarial(relativistic_d, relativistic_g, ideal_d=_LOG_2, paired=True),
}
