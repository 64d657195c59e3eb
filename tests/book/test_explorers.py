"""Figures that answer, in a browser without a network: by mouse, by keyboard, from the disk."""

import itertools

import numpy as np
import pytest
from conftest import pages_of_the_book

from painlab.figures import Choice, Panel, Picture, PictureGrid, Table, explore

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = (3, 2, 4, 6)


def an_explorer():
    def render(*chosen):
        shade = np.full((2, 2), 10 * sum(chosen), np.uint8)
        table = Table(head=["control", "option"], rows=list(enumerate(chosen)))
        return Panel(table, Picture(image=shade, alt=f"Grey {chosen}."), answer=f"It is {chosen}.")

    return explore(
        render,
        controls=[
            Choice(name="Letter", options="abc", start=1),
            Choice(name="Side", options=["left", "right"], kind="buttons"),
            Choice(name="Number", options=range(4), kind="select", start=3),
            PictureGrid(
                name="Place",
                picture=np.zeros((20, 30), np.uint8),
                rows=2,
                cols=3,
                alt="Black.",
                start=4,
            ),
        ],
        alt="Four numbers.",
    )


@pytest.fixture
def opened(browser, tmp_path):
    """A page with an explorer, opened from the disk."""
    explorer = an_explorer()
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8>{explorer.to_html()}", encoding="utf-8")
    browser.size(800)
    browser.goto(page.as_uri())
    return explorer


def seen(browser, number: int = 0) -> tuple[str, str]:
    """The panel of an explorer and its answer."""
    return tuple(
        browser.evaluate(
            f"(root => [root.querySelector('.pl-panel').innerHTML,"
            " root.querySelector('.pl-answer').textContent])"
            f"(document.querySelectorAll('.pl-explorer')[{number}])"
        )
    )


def focus(browser, part: str, number: int = 0) -> None:
    browser.evaluate(
        f"document.querySelectorAll('.pl-explorer')[{number}].querySelector('{part}').focus()"
    )


def middle(browser, element: str) -> tuple[float, float]:
    """Where to point at an element, which is brought into view."""
    return tuple(
        browser.evaluate(
            f"(e => {{ e.scrollIntoView({{block: 'center'}});"
            " const b = e.getBoundingClientRect();"
            f" return [b.x + b.width / 2, b.y + b.height / 2]; }})({element})"
        )
    )


def same(browser, explorer, *chosen) -> None:
    """The browser writes HTML in its own way: what it shows is compared with what it would."""
    panel, answer = explorer.panel(*chosen)
    drawn, said = seen(browser)
    assert said == answer == f"It is {chosen}."
    assert drawn == browser.evaluate(
        f"(d => {{ d.innerHTML = {panel!r}; return d.innerHTML; }})(document.createElement('div'))"
    )


def test_the_keyboard_reaches_every_choice(opened, browser):
    for letter, side, number in itertools.product(*map(range, SIZES[:3])):
        focus(browser, "input[type=range]")
        browser.key("Home")
        for _ in range(letter):
            browser.key("ArrowRight")
        focus(browser, "[type=radio]:checked")
        while browser.evaluate("Number(document.activeElement.value)") != side:
            browser.key("ArrowRight")
        focus(browser, "select")
        browser.key("Home")
        for _ in range(number):
            browser.key("ArrowDown")
        focus(browser, "[role=gridcell][aria-selected=true]")
        for key in ("ArrowUp", "Home"):
            browser.key(key)
        for place in range(6):
            same(browser, opened, letter, side, number, place)
            browser.key("ArrowRight")
            if place % 3 == 2:
                same(browser, opened, letter, side, number, place)  # the end of a row stops
                for key in ("ArrowDown", "Home"):
                    browser.key(key)
    assert browser.errors() == []


def test_the_mouse_previews_and_a_click_keeps(opened, browser):
    cells = [
        middle(browser, f"document.querySelectorAll('[role=gridcell]')[{place}]")
        for place in range(6)
    ]
    for place, (x, y) in enumerate(cells):
        browser.hover(x, y)
        same(browser, opened, 1, 0, 3, place)
    browser.hover(790, 890)
    same(browser, opened, 1, 0, 3, 4)
    for place, (x, y) in enumerate(cells):
        browser.click(x, y)
        browser.hover(790, 890)
        same(browser, opened, 1, 0, 3, place)
    browser.key("ArrowLeft")
    same(browser, opened, 1, 0, 3, 4)
    assert browser.evaluate(
        "[...document.querySelectorAll('[role=gridcell]')].map(c => c.ariaSelected)"
    ) == ["true" if place == 4 else "false" for place in range(6)]


def test_only_what_differs_is_drawn_anew(opened, browser):
    kept = "document.querySelector('.pl-panel img')"
    browser.evaluate(f"window.kept = {kept}; null")
    focus(browser, "[role=gridcell][aria-selected=true]")
    browser.key("ArrowLeft")
    same(browser, opened, 1, 0, 3, 3)
    assert browser.evaluate(f"window.kept === {kept}")


CONTROLS = "document.querySelectorAll('.pl-explorer')[{}].querySelectorAll('[data-control]')[{}]"


def use(browser, control: str) -> list:
    """Set a control by mouse, then by keyboard; give what is called after each."""
    kind = browser.evaluate(
        f"['select', '[role=grid]', '[type=radio]', '[type=range]']"
        f".find(s => {control}.querySelector(s))"
    )
    if kind == "[type=range]":
        track = f"{control}.querySelector('input')"
        x, y = middle(browser, track)
        half = browser.evaluate(f"{track}.getBoundingClientRect().width / 2") - 2
        at_end = browser.evaluate(f"Number({track}.value) * 2 > Number({track}.max)")
        yield browser.click(x + (-half if at_end else half), y)
        yield browser.key("ArrowRight" if at_end else "ArrowLeft")
    elif kind == "[role=grid]":
        cell = f"{control}.querySelector('[role=gridcell][aria-selected=false]')"
        yield browser.hover(*middle(browser, cell))
        yield browser.hover(1, 1)
        yield browser.click(*middle(browser, cell))
        browser.hover(1, 1)
        yield browser.key("ArrowRight")
    elif kind == "[type=radio]":
        yield browser.click(*middle(browser, f"{control}.querySelector('input:not(:checked)')"))
        yield browser.key("ArrowRight")
    else:
        browser.evaluate(f"{control}.querySelector('select').focus()")
        yield browser.key("End")
        yield browser.key("ArrowUp")


@pytest.mark.parametrize("page", pages_of_the_book())
def test_every_control_of_a_page_changes_its_panel(page, browser, address):
    browser.size(1280)
    browser.goto(f"{address}/{page}.html")
    explorers = browser.evaluate("document.querySelectorAll('.pl-explorer').length")
    for number in range(explorers):
        controls = browser.evaluate(
            f"document.querySelectorAll('.pl-explorer')[{number}]"
            ".querySelectorAll('[data-control]').length"
        )
        assert controls > 0
        for control in range(controls):
            panel, answer = seen(browser, number)
            for _ in use(browser, CONTROLS.format(number, control)):
                now, words = seen(browser, number)
                assert now != panel, (number, control)
                assert words != answer, (number, control)
                panel, answer = now, words
    assert browser.errors() == []
