"""MkDocs' hooks: the site is the repository as it lies, so a link means the same here and there.

docs/ keeps its path, and whatever its pages link to (README, pictures of benchmarks, sources) is
taken along from where it stands. Nothing is copied and no link is rewritten.
"""

import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
FENCES = re.compile(r"^(```+).*?^\1", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r'(?:\]\(|\b(?:src|href)=")([^)\s"#]+)')
SHOWN = re.compile(r"^\[[^\]]+\]\(([^)]+\.(txt|sbatch|yml))\)$", re.MULTILINE)
FOREIGN = re.compile(r'<(?:script|link|img|iframe)\b[^>]*?(?:src|href)="(?:https?:)?//[^"]*"')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Give docs/ its path in the repository, and add all that its pages link to."""
    docs = Path(config.docs_dir)
    theme = [file for file in files if file.src_dir != config.docs_dir]
    wanted = ["README.md", *(page.relative_to(ROOT).as_posix() for page in docs.rglob("*.md"))]
    for path in wanted:  # grows
        if path.endswith(".md"):
            wanted += dict.fromkeys(target for target in linked(path) if target not in wanted)
    taken = (File(path, str(ROOT), config.site_dir, use_directory_urls=False) for path in wanted)
    return Files([*theme, *taken])


def linked(page: str) -> list[str]:
    """List the files of the repository that a page links to; a test finds what is missing."""
    text = FENCES.sub("", (ROOT / page).read_text(encoding="utf-8"))
    targets = (unquote(target) for target in TARGET.findall(text) if "://" not in target)
    paths = (posixpath.normpath(posixpath.join(posixpath.dirname(page), t)) for t in targets)
    return [path for path in paths if (ROOT / path).is_file()]


def on_page_markdown(markdown: str, page: Page, **_others: object) -> str:
    """Show a text file where a line is nothing but a link to it."""
    folder = (ROOT / page.file.src_uri).parent

    def text_of(link: re.Match[str]) -> str:
        language = {"sbatch": "bash", "yml": "yaml"}.get(link[2], "text")
        return f"```{language}\n{(folder / link[1]).read_text(encoding='utf-8').strip()}\n```"

    return SHOWN.sub(text_of, markdown)


def on_post_page(output: str, page: Page, **_others: object) -> str:
    """Refuse a page that would load something from another server."""
    if found := FOREIGN.search(output):
        raise PluginError(f"{page.file.src_uri} loads from elsewhere: {found[0]}")
    return output
