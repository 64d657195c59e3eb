"""The program that runs all notebooks notices a cell that fails, and shows a reader's figures."""

import importlib.util

import nbformat
import pytest
from conftest import ROOT

PROGRAM = ROOT / "tests" / "soak" / "run_notebooks.py"


@pytest.fixture
def run_notebooks(tmp_path, monkeypatch):
    """The program, with a folder of one good notebook and one that fails."""
    spec = importlib.util.spec_from_file_location("run_notebooks", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BOOK", tmp_path)
    monkeypatch.setenv("PAINLAB_STATIC", "1")
    looks = (
        "import os\nassert 'PAINLAB_STATIC' not in os.environ\nassert os.path.exists('good.ipynb')"
    )
    for name, source in {"good": looks, "bad": "x = 1\nraise KeyError('not here')"}.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    return module


@pytest.mark.slow
def test_a_failing_cell_is_told(run_notebooks, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [str(PROGRAM)])
    assert run_notebooks.main() == 1
    told = capsys.readouterr()
    bad, good, together = told.out.splitlines()
    assert bad.startswith("bad")
    assert bad.endswith("FAILED")
    assert good.startswith("good")
    assert good.endswith(" s")
    assert together.startswith("together")
    assert "not here" in told.err


@pytest.mark.slow
def test_all_is_well_with_those_named(run_notebooks, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [str(PROGRAM), "good"])
    assert run_notebooks.main() == 0
    assert "FAILED" not in capsys.readouterr().out


def test_a_reader_has_no_accelerator_and_this_library(run_notebooks):
    environment = run_notebooks.environment()
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert environment["PYTHONPATH"].split(":")[0] == str(ROOT)
    assert "PAINLAB_STATIC" not in environment
