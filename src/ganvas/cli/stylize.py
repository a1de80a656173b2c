"""`ganvas stylize`: the command with its flags, made from the configuration. No torch here."""

from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import Group, Parameter

from ganvas.cli.nested import dataclass_of
from ganvas.cli.options import Out
from ganvas.core.config import descriptions
from ganvas.style.config import StyleConfig

EVERYDAY = (
    "size",
    "preset",
    "strength",
    "style_scale",
    "style_weights",
    "keep_colors",
    "loss",
    "init",
    "optimizer",
    "content_weight",
    "style_weight",
    "tv_weight",
    "seed",
    "device",
)
Masks = Annotated[
    tuple[Path, ...],
    Parameter(consume_multiple=True, negative_iterable="", show_default=False),
]
PLAIN = Parameter(negative_iterable="")
FINE = Parameter(
    negative_iterable="",
    group=Group("Finer settings", help="What the preset decides otherwise."),
)


def stylize(
    content: str,
    /,
    *styles: str,
    out: Out,
    mask: Masks = (),
    protect: Path | None = None,
    save_steps: int | None = None,
    film: Path | None = None,
    settings: Any = None,
) -> int:
    """Repaint a photo in the style of a painting.

    What no flag sets is decided by the preset; --loss gram is the classic, Gatys et al.
    Ctrl-C keeps the picture so far.

    Parameters
    ----------
    content
        The photo, a folder of photos, or builtin:cat, builtin:astronaut.
    styles
        One painting or several; builtin:flow, glass, woodcut, wash come with ganvas.
    out
        The picture to write (.png, .jpg, .webp, .tif of 16 bits), or a folder.
    mask
        A picture that is white where its painting counts: one for each painting, or one less.
    protect
        A picture that is white where the photo stays as it is.
    save_steps
        Also write the picture after every so many steps.
    film
        Also write how the painting comes into being: a .webp, a .gif or an .mp4.
    """
    from ganvas.cli.painting import Order, paint

    wanted = vars(settings) if settings else {}
    order = Order(
        content=Path(content),
        styles=[Path(one) for one in styles],
        out=out,
        masks=list(mask),
        protect=protect,
        save_steps=save_steps,
        film=film,
        wanted={name: value for name, value in wanted.items() if value is not None},
    )
    return paint(order)


def _settings_class() -> Any:
    types, texts = get_type_hints(StyleConfig), descriptions(StyleConfig)
    names = [*EVERYDAY, *(name for name in StyleConfig.model_fields if name not in EVERYDAY)]
    fields = {}
    for name in names:
        flag = Parameter(help=" ".join(texts[name].split()), consume_multiple=True)
        more = PLAIN if name in EVERYDAY else FINE
        fields[name] = Annotated[types[name] | None, Parameter.combine(flag, more)]
    return Annotated[dataclass_of("Style", fields) | None, Parameter(name="*")]


# Cyclopts reads annotations, and this one is made from the configuration.
stylize.__annotations__["settings"] = _settings_class()
