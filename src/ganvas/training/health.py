"""How a training is doing, in a word: for the progress display, from numbers of the step."""

from collections.abc import Mapping
from typing import Literal

Word = Literal["healthy", "D too strong", "D too weak", "latent unused", "starting"]


def word(stats: Mapping[str, float], *, fraction: float) -> Word:
    """Judge by the share of verdicts that D gets right; half means that it only guesses.

    A discriminator far ahead gives no useful gradient; one that errs gives a wrong one. Without
    one: a divergence of almost nothing means that all latents make the same picture.
    """
    if "loss/kl" in stats and fraction >= 0.02:
        return "latent unused" if stats["loss/kl"] < 0.5 else "healthy"
    accuracy = stats.get("balance/accuracy")
    if accuracy is None or fraction < 0.02:
        return "starting"
    if accuracy > 0.97:
        return "D too strong"
    if accuracy < 0.4:
        return "D too weak"
    return "healthy"
