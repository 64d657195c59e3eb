"""The rendered book and a browser, for the tests that look at the pages."""

import os
import sys
from pathlib import Path

import pytest
import yaml
from required import absent, required

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "book"), str(ROOT / "book" / "_ext"), str(Path(__file__).parent)]


def pages_of_the_book() -> list[str]:
    """The pages in the table of contents, as ``book/05_attention``."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [toc["root"], *chapters]


@pytest.fixture(scope="session")
def rendered() -> Path:
    """The folder of rendered pages, if they are those of the present sources."""
    html = ROOT / "_build" / "html"
    for page in pages_of_the_book():
        target = html / f"{page}.html"
        if not target.exists():
            absent("book", "the book is not rendered: run make book")
        if target.stat().st_mtime < (ROOT / f"{page}.md").stat().st_mtime:
            absent("book", f"{page}.html is older than {page}.md: run make book")
    return html


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium with one tab, where PAINLAB_BROWSER=1 or PAINLAB_REQUIRE asks for it."""
    from devtools import chromium, find_chromium

    if not (os.environ.get("PAINLAB_BROWSER") or "browser" in required()):
        pytest.skip("browser tests run with PAINLAB_BROWSER=1")
    program = find_chromium()
    if not program:
        absent("browser", "no Chromium was found")
    with chromium(program) as page:
        yield page


@pytest.fixture(scope="session")
def address(rendered) -> str:
    """Where the rendered pages are served on this machine."""
    from devtools import served

    with served(rendered) as url:
        yield url
