"""`ganvas.stylize`: one call, one picture."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from PIL import Image

from ganvas.style.config import complete
from ganvas.style.inputs import Source
from ganvas.style.steps import stylize_steps


def stylize(
    content: Source,
    styles: Source | Sequence[Source],
    *,
    masks: Source | Sequence[Source] = (),
    protect: Source | None = None,
    **settings: Any,
) -> Image.Image:
    """Repaint a photo in the style of one or several paintings and return the picture.

    Pictures are paths, PIL images or arrays. Settings are those of `StyleConfig`, such as
    `preset="draft"`, `strength=0.8`, `size=768`. Raises GanvasError with one sentence.
    """
    steps = stylize_steps(content, styles, complete(settings), masks=masks, protect=protect)
    (last,) = deque(steps, maxlen=1)
    return last.render()
