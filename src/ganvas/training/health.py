"""How a training is doing, in a word: for the progress display, from numbers of the step."""

from collections.abc import Mapping
from typing import Literal

Word = Literal["healthy", "D too strong", "D too weak", "starting"]


def word(stats: Mapping[str, float], *, fraction: float) -> Word:
    """Judge by the share of verdicts that D gets right; half means that it only guesses.

    A discriminator far ahead gives no useful gradient; one that errs gives a wrong one.
    """
    accuracy = stats.get("balance/accuracy")
    if accuracy is None or fraction < 0.02:
        return "starting"
    if accuracy > 0.97:
        return "D too strong"
    if accuracy < 0.4:
        return "D too weak"
    return "healthy"
