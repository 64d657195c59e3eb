"""The first cell of every notebook: what it installs and keeps, and that here it does nothing."""

import ast
import importlib.metadata
import importlib.util
import json
import os
import re
import sys
import tomllib

import notebooks
import pytest
from conftest import ROOT
from IPython.core.inputtransformer2 import TransformerManager

CELL = notebooks.INSTALL.format(url=notebooks.repository_url()).strip()


class Shell:
    """Takes the commands of a cell in the place of IPython, and carries out ``cd`` alone."""

    def __init__(self):
        self.commands = []

    def system(self, command):
        self.commands.append(command)
        if command.startswith("git clone"):
            os.makedirs(f"{command.split()[-1]}/book")

    def run_line_magic(self, name, line):
        self.commands.append(f"{name} {line}")
        if name == "cd":
            os.chdir(line.split()[-1])


def run(cell) -> list[str]:
    shell = Shell()
    exec(TransformerManager().transform_cell(cell), {"get_ipython": lambda: shell})
    return shell.commands


@pytest.fixture
def without_painlab(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "painlab" else real(name)
    )


def test_it_is_the_first_code_cell_of_every_notebook():
    for page in notebooks.pages():
        cells = json.loads(page.with_suffix(".ipynb").read_text())["cells"]
        first = next(cell for cell in cells if cell["cell_type"] == "code")
        assert "".join(first["source"]) == CELL, page.name


def test_it_does_nothing_in_a_checkout_with_its_environment(monkeypatch):
    monkeypatch.chdir(ROOT / "book")
    before = {path.name for path in ROOT.iterdir()}
    assert run(CELL) == []
    assert {path.name for path in ROOT.iterdir()} == before


def test_alone_it_fetches_the_book_and_keeps_the_torch_that_is_there(
    without_painlab, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    clone, cd, pip = run(CELL)
    assert clone == f"git clone --quiet --depth 1 {notebooks.repository_url()} painlab-book"
    assert cd == "cd -q painlab-book/book"
    assert pip == 'pip install --quiet --constraint ../kept.txt "..[notebooks]"'
    kept = (tmp_path / "painlab-book" / "kept.txt").read_text().split()
    there = ("torch", "torchvision")
    assert kept == [f"{name}=={importlib.metadata.version(name)}" for name in there]
    os.chdir(tmp_path)
    assert run(CELL) == [cd, pip]  # what is fetched is not fetched again


def test_where_painlab_is_installed_only_the_data_is_fetched(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert [command.split()[0] for command in run(CELL)] == ["git", "cd"]


def normal(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement).group().lower().replace("_", "-")


def test_it_installs_what_the_chapters_import():
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = told["dependencies"] + told["optional-dependencies"]["notebooks"]
    installed = {normal(requirement) for requirement in wanted} | {"painlab", "ipython"}
    made_by = importlib.metadata.packages_distributions()
    missing = set()
    for page in notebooks.pages():
        for cell in json.loads(page.with_suffix(".ipynb").read_text())["cells"]:
            code = "".join(cell["source"])
            if cell["cell_type"] != "code" or code == CELL:
                continue
            for node in ast.walk(ast.parse(code)):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) else []
                for name in {name.split(".")[0] for name in names} - sys.stdlib_module_names:
                    of = {normal(dist) for dist in made_by.get(name, [name])}
                    if not of & installed:
                        missing.add((page.stem, name))
    # its library wants opencv-python, which breaks machines without a display: troubleshooting
    assert missing <= {("ledger", "face_alignment")}


def test_the_notebooks_extra_is_part_of_the_environment():
    """So that the pins of requirements.txt hold it."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    whole = {normal(r) for name in ("book", "test") for r in extras[name]}
    assert {normal(r) for r in extras["notebooks"]} <= whole
