"""The model card says what is known, hides paths, and cannot be hijacked by a folder's name."""

import re
from typing import Any

from ganvas.runs.card import model_card
from ganvas.training.config import TrainConfig

CONFIG = TrainConfig.from_dict(
    {"images": "/home/somebody/secret/photos", "model": {"arch": "mlp"}, "seed": 77}
).to_dict()


def card(**changes: Any) -> str:
    given: dict[str, Any] = {
        "name": "00007-photos-64",
        "config": CONFIG,
        "data": {"num_images": 1234, "class_names": ["cat", "dog"]},
        "nimg": 204_800,
        "seconds": 615.0,
        "metrics": {
            "nimg": 200_000,
            "num": 500,
            "metric/kid_vgg19": 0.01234,
            "metric/kid_vgg19_std": 0.001,
            "metric/kid_vgg19_floor": 0.0002,
            "metric/fd_vgg19": 45.678,
            "metric/recall_vgg19": 0.25,
            "metric/recall_vgg19_std": 0.02,
            "metric/recall_vgg19_real": 0.75,
        },
        "samples": "samples/000200kimg.png",
    }
    return model_card(**(given | changes))


def test_the_card_states_the_facts() -> None:
    text = card()
    for fact in (
        "# 00007-photos-64",
        "(samples/000200kimg.png)",
        "| Data set | photos |",
        "| Pictures | 1,234 |",
        "64 x 64 px, colour",
        "| Classes | cat, dog |",
        "| Architecture | mlp |",
        "relativistic + r1 + r2",
        "204.8 kimg",
        "10.2 minutes",
        "| Seed | 77 |",
        "| `kid_vgg19` | 0.01234 ± 0.001 (",
        "real pictures against real ones: 0.0002)",
        "| `fd_vgg19` | 45.68 (",
        "| `recall_vgg19` | 0.25 ± 0.02 (",
        "real pictures against real ones: 0.75)",
        "VGG-19",
        "| Pictures made for it | 500 |",
        "200.0 kimg",
        "Fill in",
        "--label cat",
        "label='cat'",
    ):
        assert fact in text, fact


def test_paths_of_the_author_are_not_published() -> None:
    for images in ("/home/somebody/secret/photos", "C:\\Users\\somebody\\secret\\photos"):
        text = card(config=CONFIG | {"images": images})
        assert "somebody" not in text
        assert "| Data set | photos |" in text
    assert "| Data set | builtin:digits |" in card(config=CONFIG | {"images": "builtin:digits"})


def test_nothing_is_claimed_that_was_not_measured() -> None:
    text = card(metrics=None, samples=None, data={"num_images": 60, "class_names": []})
    assert "Not measured." in text
    assert "![" not in text
    assert "| Classes | none |" in text
    assert "only 60" in text
    assert "--label" not in text
    assert "only" not in card().split("## Limits")[1]


def test_names_stay_names() -> None:
    evil = "<script>x</script>|`[a](http://b)\n# Heading"
    text = card(name=evil, data={"num_images": 1, "class_names": [evil]})
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)<script", prose)
    assert not re.search(r"(?<!\\)\[a", prose)
    assert len(re.findall(r"^# ", text, flags=re.MULTILINE)) == 1
    assert "\n| Classes | \\<script\\>x\\</script\\>\\|\\`\\[a\\](http://b) \\# Heading |" in prose


def test_a_licence_that_was_filled_in_stays() -> None:
    first = card()
    assert card(earlier=first) == first
    filled = first.replace(
        first.split("## Licence\n\n")[1], "CC0, my own photos.\n\n## Thanks\n\nA.\n"
    )
    later = card(earlier=filled, nimg=409_600)
    assert later.endswith("\n\n## Licence\n\nCC0, my own photos.\n\n## Thanks\n\nA.\n")
    assert "409.6 kimg" in later
    assert "204.8 kimg" not in later
