"""The rendered pages as files: complete, readable offline, every link leading somewhere."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, pages_of_the_book
from painlab_access import mend
from sphinx.util.inventory import InventoryFile

import painlab

PAGES = pages_of_the_book()
OUTSIDE = re.compile(r"^(https?:)?//", re.IGNORECASE)
HEAVIEST = 5_000_000  # bytes of a page, its figures included


@pytest.fixture(scope="module")
def soup(rendered):
    kept = {}

    def read(page: str) -> BeautifulSoup:
        if page not in kept:
            text = (rendered / f"{page}.html").read_text(encoding="utf-8")
            kept[page] = BeautifulSoup(text, "html.parser")
        return kept[page]

    return read


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_not_too_heavy(page, rendered):
    assert (rendered / f"{page}.html").stat().st_size < HEAVIEST


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_fetched_from_elsewhere(page, soup):
    fetched = [
        element.get(attribute)
        for name, attribute in (
            ("script", "src"),
            ("img", "src"),
            ("iframe", "src"),
            ("source", "src"),
            ("video", "src"),
        )
        for element in soup(page).find_all(name)
        if OUTSIDE.match(element.get(attribute) or "")
    ]
    for link in soup(page).find_all("link"):
        if OUTSIDE.match(link.get("href", "")) and "canonical" not in link.get("rel", []):
            fetched.append(link["href"])
    assert fetched == []


def test_style_sheets_fetch_nothing_from_elsewhere(rendered):
    fetched = {
        (sheet.name, url)
        for sheet in rendered.rglob("*.css")
        for url in re.findall(
            r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^\"')]+)", sheet.read_text()
        )
    }
    assert fetched == set()


def test_a_citation_reads_as_the_entry_is_headed(soup):
    headed = {
        entry["id"]: entry.find(class_="label").get_text().strip("[]")
        for entry in soup("book/bibliography").find_all(class_="citation")
    }
    assert len(set(headed.values())) == len(headed) > 40
    cited = set()
    for page in PAGES:
        for link in soup(page).select('a[href^="bibliography.html#"]'):
            entry, text = link["href"].rpartition("#")[2], link.get_text()
            assert text in (headed[entry], headed[entry].rpartition(", ")[2])  # "Han et al. [2021]"
            cited.add(entry)
    assert cited == set(headed)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_inside_the_book_leads_somewhere(page, soup, rendered):
    here = rendered / f"{page}.html"
    broken = []
    for link in soup(page).find_all("a", href=True):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc:
            continue
        target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
        if not target.is_file():
            broken.append(link["href"])
        elif parts.fragment and target.suffix == ".html":
            other = soup(target.relative_to(rendered.resolve()).with_suffix("").as_posix())
            if not other.find(id=unquote(parts.fragment)):
                broken.append(link["href"])
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_has_alternative_text(page, soup):
    article = soup(page).find("article")
    bare = [str(img)[:80] for img in article.find_all("img") if not img.get("alt", "").strip()]
    for drawing in article.find_all("svg"):
        around = [drawing, *drawing.parents]
        named = any(e.get("role") == "img" and (e.get("aria-label") or "").strip() for e in around)
        if not named and drawing.get("aria-hidden") != "true":
            bare.append(str(drawing)[:80])
    assert bare == []


@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_an_error_or_a_warning_of_its_code(page, soup):
    noise = soup(page).select(".output.stderr, .output.traceback, .system-message, .problematic")
    assert [element.get_text()[:200] for element in noise] == []


@pytest.mark.parametrize("page", PAGES)
def test_no_markup_is_left_raw(page, soup):
    article = soup(page).find("article")
    for quoted in article.select("pre, code, script, style, .math"):
        quoted.decompose()
    text = article.get_text()
    assert re.findall(r"\{[\w:]+\}`|\$\$|:::|^```", text, re.MULTILINE) == []


def test_the_api_reference_has_every_public_name(rendered):
    with (rendered / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, uri: uri)
    documented = {
        name for kind, names in inventory.items() if kind.startswith("py:") for name in names
    }
    missing = [name for name in painlab.__all__ if f"painlab.{name}" not in documented]
    # TASKS and the like are values: they need a py:data entry, which counts as well
    assert missing == []


def test_scripts_are_declared_once_on_a_page(soup):
    for page in PAGES:
        scripts = soup(page).find_all("script")
        sources = [script["src"] for script in scripts if script.get("src")]
        assert len(sources) == len(set(sources)), page
        assert not any("THEBE" in script.get_text() for script in scripts), page


def test_buttons_are_named_as_they_read(soup):
    """A name for the screen reader that is not what is written there leaves speakers at a loss."""
    for page in PAGES:
        for part in soup(page).find_all(["button", "summary"]):
            written, name = " ".join(part.get_text().split()), part.get("aria-label")
            assert not name or not written or written.lower() in name.lower(), (page, written, name)


def test_names_are_mended():
    page = (
        '<summary aria-label="Toggle hidden content">\n<p>Show code</p></summary>'
        '<button class="btn search-button-field x" title="Search" aria-label="Search" id="a">'
        '<i class="theme-switch fa-lg" data-mode="light" title="Light"></i>'
        '<button class="btn search-button" aria-label="Search">'
    )
    assert mend(page) == (
        "<summary>\n<p>Show code</p></summary>"
        '<button class="btn search-button-field x" title="Search" id="a">'
        '<i class="theme-switch fa-lg" data-mode="light"></i>'
        '<button class="btn search-button" aria-label="Search">'
    )
    assert mend('<div class="citation" role="doc-biblioentry">').endswith('role="listitem">')
    assert mend(mend(page)) == mend(page)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_downloaded_as_text_and_as_notebook(page, soup, rendered):
    """Byte for byte what lies in the repository."""
    beside = [path for path in (ROOT / f"{page}.md", ROOT / f"{page}.ipynb") if path.exists()]
    links = soup(page).select(".dropdown-download-buttons a[href]")
    given = {Path(link["href"]).name: rendered / "book" / link["href"] for link in links}
    assert given.keys() == {path.name for path in beside}
    for path in beside:
        assert given[path.name].read_bytes() == path.read_bytes(), path.name
