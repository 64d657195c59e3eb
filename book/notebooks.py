"""Writes the notebook beside each chapter: ``python book/notebooks.py``, or ``make notebooks``.

The Markdown file is the one to edit. The notebook is made from it by jupytext, without outputs, for
Colab (which opens nothing else), Binder and plain Jupyter. ``--check`` changes nothing and fails if
a notebook is missing, left over, or not what its chapter gives.
"""

import argparse
import json
import sys
from pathlib import Path

import jupytext
import nbformat
import yaml

BOOK = Path(__file__).resolve().parent
sys.path.insert(0, str(BOOK))

from labels import Labels, is_notebook  # noqa: E402  (the path above leads to them)
from translate import Source, TranslationError, translate  # noqa: E402

# Clones under another name than painlab: a folder of that name would be taken for the package.
INSTALL = """\
# Where this notebook lies alone (on Colab, say), this fetches the book's data, and where painlab is
# not installed, painlab and what the chapters need. A torch that is there stays as it is.
# Elsewhere it does nothing.
import importlib.util
from importlib.metadata import version
from pathlib import Path

if not Path("../data/results").is_dir():
    if not Path("painlab-book").is_dir():
        !git clone --quiet --depth 1 {url} painlab-book
    %cd -q painlab-book/book
if importlib.util.find_spec("painlab") is None:
    there = [name for name in ("torch", "torchvision") if importlib.util.find_spec(name)]
    Path("../kept.txt").write_text("".join(f"{{name}}=={{version(name)}}\\n" for name in there))
    %pip install --quiet --constraint ../kept.txt "..[notebooks]"
"""


def pages() -> list[Path]:
    """The chapters that have code cells."""
    return [page for page in sorted(BOOK.glob("*.md")) if is_notebook(page)]


def repository_url() -> str:
    """The project's address, from the one place that says it."""
    config = yaml.safe_load((BOOK.parent / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"]


def _code(source: str, tags: list[str]):
    cell = nbformat.v4.new_code_cell(source)
    if tags:
        cell.metadata["tags"] = tags
    if {"hide-input", "hide-cell", "remove-input", "remove-cell"} & set(tags):
        cell.metadata["jupyter"] = {"source_hidden": True}
    return cell


def make_notebook(page: Path) -> str:
    """The notebook of a chapter, as the text of its file."""
    labels = Labels(page)
    cells = []
    for cell in jupytext.read(page, fmt="md:myst").cells:
        if cell.cell_type == "code":
            cells.append(_code(cell.source, list(cell.metadata.get("tags", []))))
            continue
        for piece in translate(cell.source, labels):
            if isinstance(piece, Source):
                show = f'import painlab.figures\n\npainlab.figures.show_source("{piece.name}")'
                cells.append(_code(show, []))
            else:
                cells.append(nbformat.v4.new_markdown_cell(piece.strip()))
    cells.insert(1, _code(INSTALL.format(url=repository_url()).strip(), []))
    for number, cell in enumerate(cells):
        cell["id"] = f"{page.stem}-{number:03}"  # nbformat's own ids differ at every call
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.nbformat_minor = 5
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.validate(notebook)
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Write or check all notebooks; 0 if all is in order."""
    parser = argparse.ArgumentParser(description="Write the notebook beside each chapter.")
    parser.add_argument("--check", action="store_true", help="change nothing, compare only")
    check = parser.parse_args().check
    wrong = []
    for page in pages():
        target = page.with_suffix(".ipynb")
        try:
            text = make_notebook(page)
        except TranslationError as problem:
            print(f"{page.name} has no plain form for {problem}.", file=sys.stderr)
            wrong.append(target)
            continue
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            if check:
                wrong.append(target)
            else:
                target.write_text(text, encoding="utf-8")
                print(f"wrote {target.name}")
    expected = {page.with_suffix(".ipynb") for page in pages()}
    for extra in sorted(set(BOOK.glob("*.ipynb")) - expected):
        wrong.append(extra)
    for path in wrong:
        print(f"{path.name} is not what the chapters give: run make notebooks.", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
