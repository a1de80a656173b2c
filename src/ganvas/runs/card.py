"""The model card: README.md of a run, telling somebody else what this generator is."""

import re
import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ganvas.core.canvas import sides

LICENCE = "## Licence"
SCORES = {
    "metric/kid_vgg19": "Kernel distance (KID) on embedded VGG-19 features; lower is better",
    "metric/fd_vgg19": "Fréchet distance on embedded VGG-19 features; lower is better",
    "metric/precision_vgg19": "share of these pictures that lie among real ones; higher is better",
    "metric/recall_vgg19": "share of real pictures that lie among these; higher is better",
}


def model_card(
    *,
    name: str,
    config: Mapping[str, Any],
    data: Mapping[str, Any],
    nimg: int,
    seconds: float,
    metrics: Mapping[str, Any] | None = None,
    samples: str | None = None,
    earlier: str = "",
) -> str:
    """Return the card as Markdown.

    `config` is the resolved training configuration as plain JSON; `data` has `num_images` and
    `class_names`; `metrics` is the evaluation of the published generator; `samples` is the path
    of a sample grid relative to the run. `earlier` is the card as it stands there: the licence
    that somebody has filled in, and what they have written below it, stays.
    """
    sections = [
        f"# {_plain(name)}\n\nA generator of pictures, trained with "
        "ganvas. The pictures it makes are synthetic: none of them shows something that exists.",
        f"![Pictures made by this generator, not chosen]({samples})" if samples else "",
        _data_section(config, data),
        _settings_section(config, nimg=nimg, seconds=seconds),
        _scores_section(metrics),
        _use_section(data.get("class_names", ())),
        _limits_section(data),
        _licence_section(earlier),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _data_section(config: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    pictures = config["data"]
    (height, width), channels = sides(pictures["resolution"]), pictures["channels"]
    kind = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
    classes = data.get("class_names", ())
    rows = {
        "Data set": _plain(PurePath(config["images"].replace("\\", "/")).name),
        "Pictures": f"{data['num_images']:,}",
        "Seen as": f"{width} x {height} px, {kind}, brought to size by {pictures['fit']}",
        "Classes": ", ".join(_plain(c) for c in classes) if classes else "none",
    }
    return "## Trained on\n\n" + _table(rows)


def _settings_section(config: Mapping[str, Any], *, nimg: int, seconds: float) -> str:
    loss = config["loss"]
    rows = {
        "Architecture": config["model"]["arch"],
        "Loss": " + ".join([loss["adversarial"], *loss["penalties"]]),
        "Augmentation": ", ".join(config["augment"]["operations"]) or "none",
        "Batch": f"{config['batch_size']}",
        "Length": f"{nimg / 1000:,.1f} kimg (thousand real pictures shown) in "
        f"{seconds / 60:,.1f} minutes",
        "Seed": f"{config['seed']}",
    }
    return f"## Settings\n\n{_table(rows)}\n\nThe complete configuration is in `config.json`."


def _scores_section(metrics: Mapping[str, Any] | None) -> str:
    known = {key: text for key, text in SCORES.items() if key in (metrics or {})}
    if not metrics or not known:
        return "## Scores\n\nNot measured."
    rows = {}
    for key, text in known.items():
        spread = f" ± {metrics[f'{key}_std']:.4g}" if f"{key}_std" in metrics else ""
        ideals = [metrics[k] for k in (f"{key}_floor", f"{key}_real") if k in metrics]
        ideal = f"; real pictures against real ones: {ideals[0]:.4g}" if ideals else ""
        rows[f"`{key.removeprefix('metric/')}`"] = f"{metrics[key]:.4g}{spread} ({text}{ideal})"
    if "num" in metrics:
        rows["Pictures made for it"] = f"{metrics['num']:,}"
    if "nimg" in metrics:
        rows["Measured at"] = f"{metrics['nimg'] / 1000:,.1f} kimg"
    return (
        f"## Scores\n\n{_table(rows)}\n\nThese compare runs on the same pictures with the same "
        "number of samples. They are not the FID or KID of papers, which use Inception features."
    )


def _use_section(class_names: Any) -> str:
    label = f", label={str(class_names[0])!r}" if class_names else ""
    option = f" --label {shlex.quote(' '.join(str(class_names[0]).split()))}" if class_names else ""
    return f"""## How to generate

```sh
ganvas generate generator.safetensors -o pictures --seeds 0-63{option}
```

```python
import ganvas

G = ganvas.load_generator("generator.safetensors")
pictures = ganvas.generate(G, seeds=range(16){label})
```"""


def _limits_section(data: Mapping[str, Any]) -> str:
    few = (
        f" With only {data['num_images']:,} of them it may repeat some nearly as they are."
        if data["num_images"] < 1000
        else ""
    )
    return (
        "## Limits\n\n"
        f"- It knows nothing but its training pictures, and repeats their gaps and biases.{few}\n"
        "- Look at many samples before judging: the grid above is not selected, but it is small.\n"
        "- Do not present its pictures as photographs of real people, places or events."
    )


def _licence_section(earlier: str) -> str:
    _, title, filled = earlier.partition(f"\n{LICENCE}\n")
    ask = (
        "Fill in: under which terms the training pictures may be used, and under which this "
        "generator may be. ganvas does not know where the pictures come from."
    )
    return f"{LICENCE}\n\n{filled.strip() if title else ask}"


def _table(rows: Mapping[str, str]) -> str:
    lines = [f"| {key} | {value} |" for key, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _plain(text: object) -> str:
    """Names come from folders: keep them from being read as Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(str(text).split()))
