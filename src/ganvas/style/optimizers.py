"""How the picture moves: Adam that keeps its memory between scales, L-BFGS, gradient descent."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ganvas.style.config import Optimizer, StyleConfig

Image = Float[Tensor, "1 _c _h _w"]
Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From a picture to its loss and its gradient."""

BETAS: Final = (0.9, 0.99)
EPSILON: Final = 1e-2
"""Beside gradients that are about 10, so that a picture which fits already is left in peace."""
LONGEST: Final = 5
"""A step of L-BFGS is at most so many times the step length."""
HISTORY: Final = 20
"""Steps that L-BFGS remembers."""


class Mover(ABC):
    """Moves a picture downhill, one step at a time; gradients come a pixel.

    Losses are means, so a pixel's gradient falls with the number of pixels: movers multiply it
    by that number, and step lengths mean the same at every size.
    """

    @abstractmethod
    def start_scale(self, image: Image) -> Image:
        """Go over to another size; return the picture to move."""

    @abstractmethod
    def step(self, evaluate: Evaluate, rate: float) -> Tensor:
        """Move the picture once, in place; return the loss before the step."""


class Adam(Mover):
    """Kingma and Ba (1412.6980), with its averages carried over to the next scale."""

    def __init__(self) -> None:
        self._image = self._first = self._second = torch.empty(0)
        self._steps = 0

    def start_scale(self, image: Image) -> Image:
        # Gradients are multiplied by the number of pixels, so that the averages already are in
        # units that do not depend on the size: they only have to be resized.
        self._image = image.clone(memory_format=torch.contiguous_format)
        if self._steps:
            size = image.shape[2:]
            self._first = F.interpolate(self._first, size, mode="bicubic")
            self._second = F.interpolate(self._second, size, mode="bilinear")
        else:
            self._first, self._second = torch.zeros_like(image), torch.zeros_like(image)
        return self._image

    def step(self, evaluate: Evaluate, rate: float) -> Tensor:
        loss, gradient = evaluate(self._image)
        gradient = gradient * _positions(self._image)
        self._steps += 1
        self._first.lerp_(gradient, 1 - BETAS[0])
        self._second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        first_share, second_share = (1 - beta**self._steps for beta in BETAS)
        root = (self._second / second_share).sqrt_().add_(EPSILON)
        self._image.addcdiv_(self._first, root, value=-rate / first_share)
        self._image.clamp_(-1, 1)
        return loss


class Lbfgs(Mover):
    """Liu and Nocedal 1989 without line search: one evaluation a step.

    Clamped only where it is looked at: clamping after every step would make the remembered
    gradients belong to other pictures.
    """

    def __init__(self) -> None:
        self._image = torch.empty(0)
        self._inner: torch.optim.LBFGS | None = None
        self._is_first = True

    def start_scale(self, image: Image) -> Image:
        self._image = image.clone(memory_format=torch.contiguous_format).requires_grad_()
        self._is_first = True
        self._inner = torch.optim.LBFGS(
            [self._image],
            max_iter=1,
            history_size=HISTORY,
            tolerance_grad=0,
            tolerance_change=0,
        )
        return self._image

    def step(self, evaluate: Evaluate, rate: float) -> Tensor:
        assert self._inner is not None
        # torch divides the first step by the sum of the gradient: too short to learn the
        # curvature from. Times the number of values, the mean move is `rate`.
        self._inner.param_groups[0]["lr"] = rate * self._image.numel() if self._is_first else 1.0
        self._is_first = False

        def closure() -> Tensor:
            loss, gradient = evaluate(self._image.detach())
            scale = _positions(self._image)
            self._image.grad = gradient * scale
            seen.append(loss)
            return loss * scale

        seen: list[Tensor] = []
        before = self._image.detach().clone()
        self._inner.step(closure)  # type: ignore[no-untyped-call]
        self._shorten(before, LONGEST * rate)
        return seen[0]

    def _shorten(self, before: Tensor, longest: float) -> None:
        """Take back what is too long of a step: the place of a line search that costs nothing."""
        assert self._inner is not None
        move = self._image.detach() - before
        factor = (longest / move.abs().mean().clamp_min(1e-12)).clamp_max(1)
        self._image.data.copy_(before + factor * move)
        state = self._inner.state[self._image]
        if "t" in state:  # Not where there was no slope at all.
            state["t"] *= factor  # What it will remember of this step.


class GradientDescent(Mover):
    """x <- x - rate * gradient: the plainest way, and how much the others gain."""

    def __init__(self) -> None:
        self._image = torch.empty(0)

    def start_scale(self, image: Image) -> Image:
        self._image = image.clone(memory_format=torch.contiguous_format)
        return self._image

    def step(self, evaluate: Evaluate, rate: float) -> Tensor:
        loss, gradient = evaluate(self._image)
        self._image.add_(gradient, alpha=-rate * _positions(self._image))
        self._image.clamp_(-1, 1)
        return loss


MOVERS: Final[dict[Optimizer, Callable[[], Mover]]] = {
    "adam": Adam,
    "lbfgs": Lbfgs,
    "sgd": GradientDescent,
}


class Average:
    """Bias-corrected mean of the last pictures: takes out the jitter that Adam leaves."""

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._sum: Tensor | None = None
        self._weight = 0.0

    def add(self, image: Image) -> Image:
        """Take one more picture in, and return the mean so far."""
        self._sum = (1 - self._decay) * image if self._sum is None else self._sum
        if self._weight:
            self._sum.lerp_(image, 1 - self._decay)
        self._weight = self._decay * self._weight + 1 - self._decay
        return self._sum / self._weight


def rate_at(config: StyleConfig, step: int, steps: int) -> float:
    """Fall from the first to the last step length along half a cosine.

    Less strength is a shorter way from the photo, taken with shorter steps: the minimum is sharp,
    and full steps would jitter about a photo that is to stay nearly as it is.
    """
    share = step / max(1, steps - 1)
    low, high = config.final_rate, config.learning_rate
    fallen: float = low + (high - low) * (1 + math.cos(math.pi * share)) / 2
    is_near = config.init == "content" or config.strength == 0
    return fallen * math.sqrt(config.strength) if is_near else fallen


def _positions(image: Tensor) -> int:
    return image.shape[2] * image.shape[3]
