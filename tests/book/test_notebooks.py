"""The chapters as they are written: whole, in step with their notebooks, exercises that work."""

import json
import re

import bands
import jupytext
import notebooks
import pytest
import yaml
from conftest import ROOT, pages_of_the_book
from exercises import exercises, verdicts
from labels import Labels, is_notebook
from translate import Source, TranslationError, translate

BOOK = ROOT / "book"
CHAPTERS = [ROOT / f"{page}.md" for page in pages_of_the_book() if re.search(r"/\d\d_", page)]
NOTEBOOKS = notebooks.pages()


def ids(paths):
    return [path.stem for path in paths]


@pytest.mark.parametrize("page", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_the_notebook_is_what_its_chapter_gives(page):
    beside = page.with_suffix(".ipynb")
    assert beside.exists(), "run make notebooks"
    assert beside.read_text(encoding="utf-8") == notebooks.make_notebook(page), "run make notebooks"


@pytest.mark.parametrize("page", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_the_notebook_has_every_code_cell_of_its_chapter(page):
    cells = json.loads(page.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    kept = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    kept = ["".join(source) for source in kept]
    for cell in jupytext.read(page, fmt="md:myst").cells:
        if cell.cell_type == "code":
            assert cell.source in kept
    assert not any(cell.get("outputs") for cell in cells)
    text = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert re.findall(r"\{[\w:]+\}`|:::|```\{", text) == []


@pytest.mark.parametrize("page", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_the_notebook_can_show_the_library_s_source(page):
    cells = json.loads(page.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    shown = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    shown = [source for source in shown if "show_source" in source]
    assert len(shown) == page.read_text(encoding="utf-8").count("{literalinclude}")
    for source in shown:
        head, call = source.split("\n\n")
        names = {}
        exec(head, names)
        assert len(eval(call, names).data) > 40


def test_no_notebook_is_left_over():
    assert set(BOOK.glob("*.ipynb")) == {page.with_suffix(".ipynb") for page in NOTEBOOKS}


@pytest.mark.parametrize("page", bands.pages())
def test_every_number_in_the_text_has_a_band(page):
    """New ones get theirs from a built page: python book/bands.py --accept."""
    assert bands.pages()[page] == bands.read_bands().get(page, {}).keys()


def test_every_page_is_in_the_table_of_contents():
    assert {f"book/{path.stem}" for path in BOOK.glob("*.md")} == set(pages_of_the_book())


@pytest.mark.parametrize("chapter", CHAPTERS, ids=ids(CHAPTERS))
def test_a_chapter_has_its_head_and_its_foot(chapter):
    assert is_notebook(chapter)
    text = chapter.read_text(encoding="utf-8")
    number = int(chapter.stem[:2])
    assert re.search(rf"^# {number} · \S", text, re.MULTILINE)
    head = re.search(
        r"^:{3,}\{admonition\} .*\n:class: objectives\n(.*?)^:{3,}$", text, re.M | re.S
    )
    assert head, "no admonition with the class objectives"
    assert len(re.findall(r"^- ", head.group(1), re.MULTILINE)) >= 2, "too few objectives"
    assert re.search(r"\*\*Minutes:\*\* \d+", head.group(1))
    assert re.search(r"\*\*Prerequisites:\*\* \S", head.group(1))
    assert re.search(r"^:class: takeaway$", text, re.MULTILINE), "no take-away"
    assert re.search(r"_slider\(|^explore\(", text, re.MULTILINE), "no figure that moves or answers"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=ids(CHAPTERS))
def test_pictures_have_alternative_text(chapter):
    text = chapter.read_text(encoding="utf-8")
    assert re.findall(r"!\[\s*\]\(", text) == []
    blocks = re.findall(r"^[`:]{3,}\{(?:figure|image)\}.*\n((?::.*\n)*)", text, re.MULTILINE)
    assert all(re.search(r"^:alt: \S", options, re.MULTILINE) for options in blocks)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=ids(CHAPTERS))
def test_nothing_in_a_chapter_needs_a_kernel_or_a_network_to_be_seen(chapter):
    code = "\n".join(
        c.source for c in jupytext.read(chapter, fmt="md:myst").cells if c.cell_type == "code"
    )
    for word in ("ipywidgets", "tqdm.notebook", "plotly", "bokeh", "urlopen", "requests.get"):
        assert word not in code


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=ids(CHAPTERS))
def test_exercises_know_a_solution_a_blank_and_a_wrong_answer(chapter):
    cells = jupytext.read(chapter, fmt="md:myst").cells
    assert len(exercises(cells)) >= 3
    assert set(map(tuple, verdicts(chapter).values())) == {("right", "blank", "wrong")}


def test_launch_buttons_lead_to_the_repository():
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert config["launch_buttons"]["colab_url"] == "https://colab.research.google.com"
    assert "binderhub_url" not in config["launch_buttons"]  # troubleshooting says why
    assert config["repository"]["url"] == notebooks.repository_url()


@pytest.mark.parametrize("name", ["README.md", "CITATION.cff", "pyproject.toml"])
def test_one_address_is_used_everywhere(name):
    url = notebooks.repository_url()
    text = (ROOT / name).read_text(encoding="utf-8")
    assert url in text
    owner, project = url.rsplit("/", 2)[-2:]
    others = re.findall(rf"github\.com/([\w.-]+)/{project}\b", text)
    assert set(others) == {owner}


@pytest.fixture
def labels(tmp_path):
    (tmp_path / "references.bib").write_text((BOOK / "references.bib").read_text())
    (tmp_path / "05_attention.md").write_text(
        "---\nkernelspec:\n  name: python3\n---\n\n(there)=\n# 5 · Attention\n"
    )
    (tmp_path / "glossary.md").write_text("# Glossary\n")
    page = tmp_path / "06_tnt.md"
    page.write_text(
        "(here)=\n## Blocks\n\n$$\nx\n$$ (tnt-x)\n\n```{exercise} Count\n:label: tnt-n\n```\n"
    )
    return Labels(page)


@pytest.mark.parametrize(
    ("myst", "plain"),
    [
        ("Han {cite:p}`han2021`.", "Han (Han et al., 2021)."),
        ("{cite:t}`gkikas2023` say", "Gkikas and Tsiknakis (2023) say"),
        (
            "see {ref}`here` and {ref}`there`",
            "see *Blocks* and [5 · Attention](05_attention.ipynb)",
        ),
        ("[](05_attention.md#x)", "[5 · Attention](05_attention.ipynb#x)"),
        ("[the words](glossary.md)", "[the words](glossary.md)"),
        ("by {eq}`tnt-x`", "by (1)"),
        ("{glue:text}`count:,` of {py:func}`painlab.attention`", "`count` of `painlab.attention`"),
        ("`` {ref}`here` `` is markup", "`` {ref}`here` `` is markup"),
        ("(here)=\n## Blocks\n", "## Blocks\n"),
        ("$$\nx\n$$ (tnt-x)\n", "$$\nx \\tag{1}\n$$\n"),
        ("```{math}\n:label: tnt-x\nx\n```\n", "$$\nx \\tag{1}\n$$\n"),
        (":::{note}\nOne {eq}`tnt-x`.\n:::\n", "> **Note**\n>\n> One (1).\n"),
        (
            "```{exercise} Count\n:label: tnt-n\nHow many?\n```\n",
            "### Exercise: Count\n\nHow many?\n",
        ),
        (
            "````{solution} tnt-n\n:class: dropdown\n\n```python\nn = 1\n```\n````\n",
            "<details><summary><b>Solution: Count</b></summary>\n\n"
            "```python\nn = 1\n```\n\n</details>\n",
        ),
        (
            "```{figure} _static/a.svg\n:alt: A cat.\n\nSeen.\n```\n",
            "![A cat.](_static/a.svg)\n\n*Seen.*\n",
        ),
    ],
)
def test_markup_becomes_plain_markdown(myst, plain, labels):
    assert translate(myst, labels) == [plain]


def test_source_of_the_library_becomes_a_cell(labels):
    include = "```{literalinclude} ../painlab/layers.py\n:pyobject: Attention.forward\n```"
    before, source, after = translate(f"Before.\n\n{include}\n\nAfter.", labels)
    assert (before.strip(), after.strip()) == ("Before.", "After.")
    assert source == Source("painlab.layers:Attention.forward")


@pytest.mark.parametrize(
    "myst",
    [
        "```{mermaid}\na\n```\n",
        "{nowhere}`x`",
        "- a\n  ```{note}\n  b\n  ```\n",
        "```{literalinclude} ../painlab/layers.py\n:lines: 1-3\n```\n",
    ],
)
def test_markup_without_a_plain_form_is_refused(myst, labels):
    with pytest.raises(TranslationError):
        translate(myst, labels)
