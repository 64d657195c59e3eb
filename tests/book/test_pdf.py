"""The chapters on paper: what is printed, what is left out, and the links to the files."""

import re

import pdf
import pytest
from conftest import ROOT, pages_of_the_book

BUTTON = """<li>
<button onclick="window.print()"
  class="btn btn-download-pdf-button"
  title="Print to PDF"
>
<span>.pdf</span>
</button>
</li>"""

PRESSED = "button, .pl-slider input, .headerlink, .bd-sidebar-primary, .bd-sidebar-secondary"
SEEN = (
    f"[...document.querySelectorAll('{PRESSED}')].filter(e => e.offsetHeight).map(e => e.outerHTML)"
)
TALL = (
    "[...document.querySelectorAll('article div.solution')].filter(e => e.offsetHeight > 60).length"
)


def test_all_pages_are_printed():
    assert [f"book/{name}" for name in pdf.pages()] == pages_of_the_book()


def test_the_button_becomes_a_link(tmp_path):
    page = tmp_path / "05_attention.html"
    page.write_text(f"<ul>{BUTTON}</ul>")
    pdf.link_file(page, "../pdf/05_attention.pdf")
    once = page.read_text()
    assert '<a href="../pdf/05_attention.pdf" download\n  class="btn' in once
    assert "<span>.pdf</span>\n</a>" in once
    assert "print()" not in once
    pdf.link_file(page, "../pdf/05_attention.pdf")
    assert page.read_text() == once


def test_a_page_without_the_button_is_an_error(tmp_path):
    page = tmp_path / "05_attention.html"
    page.write_text("<ul></ul>")
    with pytest.raises(SystemExit, match="has 0 buttons"):
        pdf.link_file(page, "../pdf/05_attention.pdf")


def test_the_theme_still_has_that_button(rendered):
    for page in pages_of_the_book():
        text = (rendered / f"{page}.html").read_text(encoding="utf-8")
        assert len(pdf.BUTTON.findall(text)) == 1, page


@pytest.mark.browser
@pytest.mark.slow
def test_what_folds_is_open_on_paper_and_hidden_code_is_not_there(browser, address):
    browser.size(1280)
    browser.goto(f"{address}/book/ledger.html")
    folded = "[...document.querySelectorAll('article details%s')].map(e => e.open)"
    assert False in browser.evaluate(folded % ":not(.hide)")
    browser.evaluate(pdf.ARRANGE)
    assert set(browser.evaluate(folded % ":not(.hide)")) == {True}
    assert set(browser.evaluate(folded % ".hide")) == {False}


@pytest.mark.browser
@pytest.mark.slow
def test_a_chapter_on_paper(browser, address):
    url = f"{address}/book/05_attention.html"
    file = pdf.print_page(browser, url)
    assert file.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in file  # tagged, for those who have it read aloud
    text = (ROOT / "book" / "05_attention.md").read_text(encoding="utf-8")
    answers = len(re.findall(r"^[`:]{3,}\{solution\}", text, re.MULTILINE))
    browser.size(1280)
    browser.goto(url)
    inside = browser.evaluate(pdf.ARRANGE)
    browser.send("Emulation.setEmulatedMedia", media="print")
    try:
        assert inside == answers >= 3
        assert browser.evaluate(SEEN) == []
        assert browser.evaluate(TALL) == inside, "a solution is folded away"
        assert (
            browser.evaluate("document.querySelector('article').lastElementChild.className")
            == "pl-answers"
        )
        assert browser.evaluate("document.querySelectorAll('.pl-frame:not([hidden])').length")
    finally:
        browser.send("Emulation.setEmulatedMedia", media="")
