"""The rendered book in a browser without a network: what a reader sees and does."""

import pytest
from conftest import pages_of_the_book

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = [*pages_of_the_book(), "genindex", "search"]
INSIDE = ("data:", "blob:")

OVERFLOWING = """
[...document.querySelectorAll('article *')].filter(e => {
  const box = e.getBoundingClientRect();
  if (box.right <= innerWidth + 1 || !box.width) return false;
  for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
    if (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(p).overflowX)) return false;
  return true;
}).slice(0, 5).map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 40))
"""


def foreign(browser, base: str) -> list[str]:
    return [url for url in browser.requests() if not url.startswith((base, *INSIDE))]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_without_an_error_and_asks_nobody_else(page, browser, address):
    browser.size(1280)
    browser.goto(f"{address}/{page}.html")
    assert browser.errors() == []
    assert foreign(browser, address) == []
    assert browser.evaluate("document.querySelectorAll('article, #search-results').length")


def test_the_folder_itself_opens_the_first_page(rendered):
    """By a page that leaves for another at once, which no test in a browser can hold."""
    assert 'content="0; url=book/welcome.html"' in (rendered / "index.html").read_text()


@pytest.mark.parametrize("page", ["book/welcome", "book/api"])
def test_a_page_opens_from_the_disk(page, browser, rendered):
    base = rendered.resolve().as_uri()
    browser.goto(f"{base}/{page}.html")
    assert browser.errors() == []
    assert foreign(browser, base) == []


@pytest.mark.parametrize("page", pages_of_the_book())
def test_maths_is_drawn(page, browser, address):
    browser.size(1280)
    browser.goto(f"{address}/{page}.html")
    formulas = browser.evaluate("document.querySelectorAll('article .math').length")
    drawn = browser.evaluate(
        "[...document.querySelectorAll('article .math')]"
        ".filter(e => e.querySelector('mjx-container svg')).length"
    )
    assert drawn == formulas
    assert browser.evaluate("document.querySelectorAll('[data-mjx-error]').length") == 0


@pytest.mark.parametrize("page", pages_of_the_book())
def test_a_narrow_screen_shows_the_whole_page(page, browser, address):
    browser.size(390, 844, mobile=True)
    browser.goto(f"{address}/{page}.html")
    assert browser.evaluate("document.documentElement.scrollWidth") <= 390
    assert browser.evaluate(OVERFLOWING) == []


def shown(browser, number: int) -> list[int]:
    """Which pictures of a slider can be seen."""
    return browser.evaluate(
        f"[...document.querySelectorAll('.pl-slider')[{number}].querySelectorAll('.pl-frame')]"
        ".flatMap((frame, i) => frame.offsetHeight ? [i] : [])"
    )


def box(browser, number: int, part: str) -> dict:
    browser.evaluate(
        f"document.querySelectorAll('.pl-slider')[{number}].scrollIntoView({{block: 'center'}})"
    )
    return browser.evaluate(
        f"(() => {{ const b = document.querySelectorAll('.pl-slider')[{number}]"
        f".querySelector('{part}').getBoundingClientRect();"
        " return {x: b.x, y: b.y, width: b.width, height: b.height}; })()"
    )


def picture(browser, number: int) -> bytes:
    stage = box(browser, number, ".pl-stage")
    top, bottom = max(0, stage["y"]), min(900, stage["y"] + stage["height"])
    scrolled = browser.evaluate("window.scrollY")
    return browser.screenshot({**stage, "y": top + scrolled, "height": bottom - top})


def line(browser, number: int) -> float | None:
    """Where the line in the curves under a slider stands, if it has curves."""
    return browser.evaluate(
        f"document.querySelectorAll('.pl-slider')[{number}].querySelector('.pl-cursor')"
        "?.getBoundingClientRect().x"
    )


@pytest.mark.parametrize("page", pages_of_the_book())
def test_every_slider_moves_its_picture(page, browser, address):
    browser.size(1280)
    browser.goto(f"{address}/{page}.html")
    sliders = browser.evaluate("document.querySelectorAll('.pl-slider').length")
    for number in range(sliders):
        start, before = shown(browser, number), picture(browser, number)
        placed = line(browser, number)
        assert len(start) == 1

        track = box(browser, number, "input")
        middle = track["y"] + track["height"] / 2
        last = browser.evaluate(
            f"Number(document.querySelectorAll('.pl-slider input')[{number}].max)"
        )
        share = start[0] / last if last else 0
        thumb = track["x"] + 8 + share * (track["width"] - 16)
        target = track["x"] + (0 if share > 0.5 else track["width"])
        steps = (0, 0.25, 0.5, 0.75, 1)
        browser.drag(*((thumb + step * (target - thumb), middle) for step in steps))
        dragged = shown(browser, number)
        assert dragged == [0 if share > 0.5 else last]
        assert picture(browser, number) != before, f"slider {number} shows the same picture"
        assert line(browser, number) != placed or placed is None, f"line {number} stands still"

        browser.key("ArrowRight" if dragged == [0] else "ArrowLeft")
        assert shown(browser, number) == [1 if dragged == [0] else last - 1]

        button = box(browser, number, "button")
        x, y = button["x"] + button["width"] / 2, button["y"] + button["height"] / 2
        before_play = shown(browser, number)
        browser.click(x, y)
        assert shown(browser, number) != before_play
        playing = f"document.querySelectorAll('.pl-slider button')[{number}].ariaLabel"
        assert browser.evaluate(playing) == "Pause"
        browser.click(x, y)
        assert browser.evaluate(playing) == "Play"
    assert browser.errors() == []


def test_a_reader_who_wants_no_motion_gets_none(browser, address):
    browser.size(1280)
    media = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    browser.send("Emulation.setEmulatedMedia", **media)
    try:
        for page in pages_of_the_book():
            browser.goto(f"{address}/{page}.html")
            labels = browser.evaluate(
                "[...document.querySelectorAll('.pl-slider button')].map(b => b.ariaLabel)"
            )
            assert set(labels) <= {"Next"}, page
    finally:
        browser.send("Emulation.setEmulatedMedia", features=[])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_ink_differs_from_paper(theme, browser, address):
    """Figures take the page's text colour, verdicts can be read, in both themes."""
    browser.size(1280)
    for page in pages_of_the_book():
        browser.goto(f"{address}/{page}.html")
        browser.theme(theme)
        contrasts = browser.evaluate(CONTRASTS)
        assert all(contrast >= 4.5 for contrast in contrasts), (page, contrasts)


CONTRASTS = """
(() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(v => {
      const s = v / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const parts = '.pl-figure svg, .pl-slider svg, .pl-slider output, .pl-verdict, .pl-explorer '
    + ':is(svg, output, select, td, th, caption, figcaption, .pl-answer, .pl-buttons span)';
  return [...document.querySelectorAll(parts)]
    .map(e => [light(getComputedStyle(e).color), light(paper(e))].sort((a, b) => b - a))
    .map(([a, b]) => (a + 0.05) / (b + 0.05));
})()
"""
