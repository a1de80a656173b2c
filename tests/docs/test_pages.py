"""What the pages name is there: links, pictures, command lines, flags, settings, functions."""

import pkgutil
import re
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from cyclopts import MissingArgumentError
from pages import NOTEBOOKS, PAGES, ROOT, anchors, links, name, spans, texts, typed

import ganvas
from ganvas.cli.main import VERBS, build
from ganvas.cli.nested import given, sections
from ganvas.cli.settings import wanted_settings
from ganvas.models import registry
from ganvas.training.presets import Facts, resolve

READ = [*PAGES, *NOTEBOOKS]
SCRIPTS = sorted(path for path in (ROOT / "examples").rglob("*.*") if path.is_file())
PARTS = {module.name for module in pkgutil.iter_modules(ganvas.__path__)}
DOTTED = re.compile(r"\w+(\.\w+)+(?![\w.({])")
FLAG = re.compile(r"--[a-z][\w.-]*\w")
FILE = re.compile(r"\.(jsonl?|txt|png)$")
PLACE = re.compile(r"(?:src|docs|tests|scripts|benchmarks|notebooks|examples)/[\w./-]+")


@pytest.mark.parametrize("page", READ, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        address = urlsplit(link)
        if address.scheme or address.netloc:
            continue
        target = page.parent / unquote(address.path) if address.path else page
        assert target.is_file(), f"{link}: there is no such file"
        assert target.resolve().is_relative_to(ROOT), f"{link} leads out of the repository"
        if address.fragment:
            assert address.fragment in anchors(target), f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_lists_and_tables_begin_behind_an_empty_line(page: Path) -> None:
    # GitHub does not need it; the Markdown of the site does.
    (text,) = texts(page)
    lines = re.sub(r"^(```+).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL).split("\n")
    for before, line in pairwise(lines):
        for kind in (r"[-*] |\d+\. ", r"\|"):
            if re.match(kind, line):
                assert re.match(rf"{kind}|#|\s*$|  +\S", before), f"{before}\n{line}"


@pytest.mark.parametrize("page", [*READ, *SCRIPTS], ids=name)
def test_command_lines_are_understood(page: Path) -> None:
    for words in typed(page):
        command = [word for word in words if word != "..."]
        try:
            _, found, _ = build(command).parse_args(command, exit_on_error=False, print_error=False)
        except MissingArgumentError:
            assert "..." in words, words
            continue
        if command[0] == "train":
            check_settings(**found.arguments)


def check_settings(flags: Any = None, settings: Any = None, **_images: str) -> None:
    """Complete the settings of a training, for a thousand colour pictures."""
    if flags and not flags.config:
        # The weights to start from are somebody's file.
        flags = replace(flags, from_=None)
        wanted = wanted_settings(flags, given(settings) if settings else {})
        resolve("photos/", Facts(1000, channels=3, native_px=64, num_classes=2), overrides=wanted)


def test_flags_in_sentences_exist() -> None:
    pages = (ROOT / "tests/cli/help").iterdir()
    flags = {flag for page in pages for flag in FLAG.findall(page.read_text())}
    for page in PAGES:
        for span in spans(page):
            if span.startswith("--"):
                assert set(FLAG.findall(span)) <= flags, f"{name(page)}: {span}"


def test_settings_functions_and_files_in_sentences_exist() -> None:
    settings = {
        f"{section}.{field}"
        for arch in registry.names()
        for section, config in sections(arch).items()
        for field in config.model_fields
    }
    for page in PAGES:
        for span in spans(page):
            first, dot, _ = span.partition(".")
            dotted = DOTTED.match(span) if dot and first in PARTS | set(sections("dcgan")) else None
            if dotted and dotted[0] not in settings and not FILE.search(dotted[0]):
                assert is_there(dotted[0]), f"{name(page)}: {span}"
            if place := PLACE.match(span):
                assert (ROOT / place[0]).exists(), f"{name(page)}: {span}"


def test_the_reference_holds_all_public_names() -> None:
    (text,) = texts(ROOT / "docs/reference/python.md")
    shown = re.findall(r"^::: (\S+)$", text, flags=re.MULTILINE)
    assert {f"ganvas.{public}" for public in ganvas.__all__} <= set(shown)
    for path in shown:
        assert is_there(path), path


def test_the_reference_holds_all_commands() -> None:
    shown = links(ROOT / "docs/reference/commands.md")
    golden = {f"../../tests/cli/help/{path.name}" for path in (ROOT / "tests/cli/help").iterdir()}
    assert shown == golden
    assert set(VERBS) < anchors(ROOT / "docs/reference/commands.md")


def test_every_architecture_and_every_benchmark_is_described() -> None:
    pages = {page.stem for page in (ROOT / "docs/architectures").glob("*.md")}
    assert pages == {*registry.names(), "README"}
    told = links(ROOT / "docs/architectures/README.md")
    assert {f"{arch}.md" for arch in registry.names()} < told
    scripts = {path.name for path in (ROOT / "benchmarks").glob("*.py")}
    assert scripts <= set(spans(ROOT / "benchmarks/README.md"))


def test_the_glossary_holds_the_words_of_the_studio() -> None:
    strings = (ROOT / "src/ganvas/studio/strings/en.toml").read_text(encoding="utf-8")
    (text,) = texts(ROOT / "docs/glossary.md")
    words = {line.split(" | ")[0].strip("| ") for line in text.splitlines() if line[:2] == "| "}
    missing = [
        word
        for word, _ in tomllib.loads(strings)["glossary"]
        if word not in words and not any(word in one.split(", ") for one in words)
    ]
    assert not missing


def is_there(path: str) -> bool:
    """Whether a dotted name means something in ganvas."""
    try:
        resolve_name(f"ganvas.{path.removeprefix('ganvas.')}")
    except (ImportError, AttributeError):
        return False
    return True
