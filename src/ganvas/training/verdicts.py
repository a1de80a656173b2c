"""What D's logits say about the balance of the two, and what the state remembers of it."""

from torch import Tensor

from ganvas.augment import control
from ganvas.training.context import Context, Stats
from ganvas.training.dice import Dice
from ganvas.training.state import TrainState


def verdicts(real_logits: Tensor, fake_logits: Tensor, *, paired: bool) -> Stats:
    """Mean logits, the share of right verdicts, and the sign that adaptive augmentation follows.

    A relativistic loss has no absolute level, so its verdicts are those on pairs.
    """
    r, f = real_logits.float(), fake_logits.float()
    accuracy = (r > f).float() if paired else ((r > 0).float() + (f < 0).float()) / 2
    return {
        "logits/real": r.mean(),
        "logits/fake": f.mean(),
        "balance/sign": (r - f if paired else r).sign().mean(),
        "balance/accuracy": accuracy.mean(),
    }


def remember(state: TrainState, context: Context, stats: Stats) -> Stats:
    """Note D's accuracy, and steer the probability of augmentation where that is adaptive."""
    augment = context.config.augment
    state.d_accuracy.copy_(context.engine.average(stats["balance/accuracy"]))
    if not augment.adaptive:
        return {}
    sign = context.engine.average(stats["balance/sign"])
    p = control.next_p(state.augment_p, sign, config=augment, num_images=context.config.batch_size)
    state.augment_p.copy_(p)
    return {"augment/p": p}


class Softness:
    """The softened target of D: bce's label of reals, or a random margin a sample for hinge."""

    def __init__(self, context: Context, dice: Dice) -> None:
        loss = context.config.loss
        self._pack = context.config.cure.pack
        self._soft: float | Tensor = loss.soft
        if loss.adversarial == "hinge" and loss.soft < 1:
            self._soft = loss.soft + (1 - loss.soft) * dice.uniform("margin")

    def of(self, piece: slice) -> float | Tensor:
        """Return the target for a piece: a number, or one a logit."""
        if isinstance(self._soft, float):
            return self._soft
        return self._soft[piece][:: self._pack]
