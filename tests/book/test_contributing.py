"""What the page for contributors says holds: its skeleton is a chapter, what it names is there."""

import re

import jupytext
import pytest
import test_notebooks
from conftest import ROOT
from exercises import exercises, verdicts
from labels import Labels
from prose import page_texts, typed_numbers
from translate import translate

PAGE = (ROOT / "book" / "contributing.md").read_text(encoding="utf-8")
(SKELETON,) = re.findall(r"^`{8}markdown\n(.*?)^`{8}$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def chapter(tmp_path):
    """The skeleton as a page beside those of the book that it links to."""
    book = tmp_path / "book"
    book.mkdir()
    (book / "04_patches.md").write_text((ROOT / "book" / "04_patches.md").read_text())
    page = book / "16_example.md"
    page.write_text(SKELETON, encoding="utf-8")
    return page


def test_the_skeleton_is_a_chapter(chapter):
    test_notebooks.test_a_chapter_has_its_head_and_its_foot(chapter)
    test_notebooks.test_nothing_in_a_chapter_needs_a_kernel_or_a_network_to_be_seen(chapter)
    cells = jupytext.read(chapter, fmt="md:myst").cells
    assert [exercise.label for exercise in exercises(cells)] == ["example-count"]
    assert [n.around for text in page_texts(chapter) for n in typed_numbers(text)] == []


def test_the_skeleton_becomes_a_notebook(chapter):
    labels = Labels(chapter)
    for cell in jupytext.read(chapter, fmt="md:myst").cells:
        if cell.cell_type == "markdown":
            assert translate(cell.source, labels)


@pytest.mark.slow
def test_the_skeleton_runs(chapter):
    assert verdicts(chapter) == {"example-count": ["right", "blank", "wrong"]}


def test_files_and_commands_are_there():
    text = PAGE.replace(SKELETON, "")
    files = set(re.findall(r"(?:tests|book|data|painlab)/[\w/]+\.(?:py|yml)", text))
    assert len(files) > 8
    assert [name for name in sorted(files) if not (ROOT / name).exists()] == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)|^    make ([a-z-]+)", text, re.MULTILINE))
    for pair in re.findall(r"`make ([a-z-]+)|^    make ([a-z-]+)", text, re.MULTILINE):
        assert set(pair) & targets, pair
