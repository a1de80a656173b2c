"""The pages as GitHub reads them: links, anchors, blocks of code, command lines."""

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ganvas.cli.main import HELP_FLAGS, VERBS

ROOT = Path(__file__).parents[2]
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
HTML_LINK = re.compile(r'\b(?:src|href)="([^"]+)"')
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("[bn]*/README.md")],
)
ENDS = {"&&", "||", "|", ";", "&"}


class Block(NamedTuple):
    """A block of code: what its fence says, its text, and its first line in the page."""

    info: str
    text: str
    line: int


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts(path: Path) -> list[str]:
    """The Markdown of a page, or of all cells of a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return [text]
    cells = json.loads(text)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


@cache
def parsed(text: str) -> list[Token]:
    return MARKDOWN.parse(text)


def tokens(text: str) -> Iterator[Token]:
    """All tokens, those inside a paragraph too."""
    for token in parsed(text):
        yield token
        yield from token.children or ()


def links(path: Path) -> set[str]:
    """Everything a page points to: pages, files, pictures, addresses."""
    found: set[str] = set()
    for text in texts(path):
        for token in tokens(text):
            found |= {str(token.attrs[key]) for key in ("href", "src") if key in token.attrs}
            if token.type in ("html_block", "html_inline"):
                found |= set(HTML_LINK.findall(token.content))
    return found


def anchors(path: Path) -> set[str]:
    """What `#...` may name, by GitHub's rule: small letters, no punctuation, hyphens for spaces."""
    found: set[str] = set()
    for text in texts(path):
        for opening, title in pairwise(parsed(text)):
            if opening.type != "heading_open":
                continue
            words = "".join(one.content for one in title.children or ())
            anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            found.add(anchor if anchor not in found else f"{anchor}-1")
    return found


def blocks(path: Path) -> list[Block]:
    """The blocks of code of a page."""
    return [
        Block(token.info.strip(), token.content, token.map[0] + 1 if token.map else 0)
        for text in texts(path)
        for token in parsed(text)
        if token.type in ("fence", "code_block")
    ]


def typed(path: Path) -> list[list[str]]:
    """The command lines in a page's blocks and sentences, or in a script, without `ganvas`."""
    if path.suffix not in (".md", ".ipynb"):
        return commands(path.read_text(encoding="utf-8"))
    found = [
        line for block in blocks(path) if block.info != "python" for line in commands(block.text)
    ]
    # A sentence names what matters and leaves out the rest.
    said = [words for words in spans(path) if words.startswith("ganvas ")]
    return found + [[*line, "..."] for words in said for line in commands(words)]


def spans(path: Path) -> list[str]:
    """The code in a page's sentences and tables."""
    return [
        token.content
        for text in texts(path)
        for token in tokens(text)
        if token.type == "code_inline"
    ]


def commands(text: str) -> list[list[str]]:
    """Every `ganvas VERB ...` in lines of a shell; a dialog's output has none."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if not re.search(r"(^|[\s/])ganvas [a-z-]", line):
            continue
        words = shlex.split(line.removeprefix("$ "), comments=True)
        for at, word in enumerate(words[:-1]):
            if word == "ganvas" and words[at + 1] in VERBS and not HELP_FLAGS & set(words):
                rest = words[at + 1 :]
                ending = next((k for k, one in enumerate(rest) if one in ENDS), len(rest))
                found.append(rest[:ending])
    return found
