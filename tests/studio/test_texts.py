"""All languages say the same things."""

import re
import string

import pytest

from ganvas.core.config import flat
from ganvas.studio import texts
from ganvas.studio.texts import LANGUAGES, Texts, preferred
from ganvas.training.troubles import TROUBLES, UNSEEN

OTHERS = [language for language in LANGUAGES if language != "en"]


def values_in(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", OTHERS)
def test_no_key_is_missing_and_none_is_left_over(language):
    english, other = (flat(texts.load(one)) for one in ("en", language))
    assert english.keys() == other.keys()
    for key, text in english.items():
        assert type(other[key]) is type(text), key
        if isinstance(text, str):
            assert values_in(other[key]) == values_in(text), key
            assert other[key].strip(), key


def test_all_that_the_guard_may_say_has_a_name():
    known = {*TROUBLES, *UNSEEN, "starting", "healthy", "rolled back"}
    assert texts.load("en")["health"].keys() == known


@pytest.mark.parametrize("language", OTHERS)
def test_the_quiz_has_the_same_answers_everywhere(language):
    english, other = (texts.load(one)["quiz"] for one in ("en", language))
    shapes = [[(one["right"], len(one["answers"])) for one in quiz] for quiz in (english, other)]
    assert shapes[0] == shapes[1]
    assert len(texts.load("en")["glossary"]) == len(texts.load(language)["glossary"])


@pytest.mark.parametrize("language", OTHERS)
def test_it_is_translated(language):
    english, other = (flat(texts.load(one)) for one in ("en", language))
    same = [key for key in english if isinstance(english[key], str) and english[key] == other[key]]
    assert len(same) < 0.05 * len(english), same


def test_every_right_answer_is_one_of_the_answers():
    for one in texts.load("en")["quiz"]:
        assert 0 <= one["right"] < len(one["answers"])


def test_ukrainian_is_written_in_its_own_letters():
    text = " ".join(str(value) for value in flat(texts.load("uk")).values())
    assert len(re.findall("[іїєґ]", text)) > 200
    assert not re.search("[ыэёъ]", text)


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("uk-UA,uk;q=0.9,en", "uk"), ("hr,en", "sr"), ("de,sr;q=0.5", "sr"), ("", "en"), ("fr", "en")],
)
def test_the_browser_chooses_the_language(wanted, language):
    assert preferred(wanted) == language


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (7500, "2 h 5 min")]
)
def test_durations(seconds, text):
    assert Texts("en").duration(seconds) == text
