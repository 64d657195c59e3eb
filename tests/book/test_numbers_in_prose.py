"""No result is typed into a page: numbers are computed, or stand in book/typed_numbers.yml."""

import pytest
from conftest import ROOT
from prose import Allowed, page_code, page_texts, read_allowed, texts, typed_numbers

from painlab.training.tables import PAPER_TABLE_II, PAPER_TABLE_III

ALLOWED = read_allowed(ROOT / "book" / "typed_numbers.yml")
PAGES = sorted((ROOT / "book").glob("*.md"))
OF_THE_PAPER = {
    f"{value:.2f}"
    for table in (PAPER_TABLE_II, PAPER_TABLE_III)
    for row in table.values()
    for value in row.values()
}


def typed(markdown: str) -> list[str]:
    """The numbers that a piece of text has typed."""
    found = (number for text in texts(markdown) for number in typed_numbers(text))
    return [number.text[number.start : number.end] for number in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_result_is_typed_into_a_page(page):
    holding = [group for group in ALLOWED if group.holds_on(page.stem)]
    found = [
        number.around
        for text in page_texts(page)
        for number in typed_numbers(text)
        if number.text[number.start : number.end] not in OF_THE_PAPER
        and not any(group.covers(number) for group in holding)
    ]
    assert found == [], "compute them and put them in with glue; or see book/typed_numbers.yml"


def test_the_tables_of_the_paper_are_known():
    assert {"65.95", "73.28", "27.82", "30.80"} < OF_THE_PAPER
    assert len(OF_THE_PAPER) > 30


@pytest.mark.parametrize("group", ALLOWED, ids=lambda group: group.phrases[0])
def test_what_is_allowed_is_needed_and_holds(group):
    assert len(group.because) > 10
    pages = [page for page in PAGES if group.holds_on(page.stem)]
    assert pages
    assert not set(group.pages) - {page.stem for page in pages}, "no such page"
    everything = [text for page in pages for text in page_texts(page)]
    for phrase in group.phrases:
        assert typed_numbers(phrase) or any(c.isdigit() for c in phrase), phrase
        assert any(phrase in text for text in everything), f"nothing needs {phrase!r} any more"
    if group.checked:
        assert group.pages, "say on which pages the line of code is"
        for page in pages:
            assert group.checked in page_code(page), f"{page.name} has no {group.checked!r}"


@pytest.mark.parametrize(
    ("markdown", "numbers"),
    [
        ("An accuracy of 71.3 % was reached.", ["71.3"]),
        ("It ends at 0.84.", ["0.84"]),
        ("In 12 % of the clips, in 12&nbsp;% and 12%.", ["12", "12", "12"]),
        ("From 5,883,408 down to 26,496.", ["5,883,408", "26,496"]),
        ("It takes 12 ms, 3 GB and is 4 times as fast.", ["12", "3", "4"]),
        ("A share of $\\pi = 3.1$ and $40\\,\\%$.", ["3.1", "40"]),
        ("$$\nx = 26{,}496\n$$\n", ["26{,}496"]),
        (":::{note}\nHalf, 0.51.\n\n```{tip} 0.52\nAnd 0.53\n```\n:::\n", ["0.51", "0.52", "0.53"]),
        (
            "```{figure} a_0.5.svg\n:alt: It rises by 0.6.\n:width: 0.7\n\nTo 0.8.\n```\n",
            ["0.6", "0.8"],
        ),
        ("````{solution} a\n```python\nx = 0.5\n```\nIt is 0.6.\n````\n", ["0.6"]),
        ("| a | b |\n|---|---|\n| 0.5 | {glue:text}`x:.2f` |\n", ["0.5"]),
        ('- **0.5** and [0.6](https://a.org/0.7 "0.8")', ["0.5", "0.6"]),
        ("`0.5`, {glue:text}`a:.2f`, {cite:t}`han2021` and <https://a.org/0.5>", []),
        ("In section 3.1, Table 2.3, Python 3.11 and version 1.0.4 on 2023-11-20.", []),
        ("```python\nx = 0.5\n```\n", []),
        ("    painlab loso --rate 0.5\n", []),
        ("(a-0.5)=\n# Chapter 5\n\n138 frames of 87 people in 200 epochs.", []),
    ],
)
def test_typed_numbers_are_seen_and_others_are_not(markdown, numbers):
    assert typed(markdown) == numbers


def test_a_phrase_allows_only_where_it_stands():
    group = Allowed("a setting", ("a rate of 0.1",), ("here",), "")
    one, other = typed_numbers("At a rate of 0.1 it reaches 0.1 in the end.")
    assert (group.covers(one), group.covers(other)) == (True, False)
    assert (group.holds_on("here"), group.holds_on("there")) == (True, False)
