"""The build of the book, on a book of one page: what it notices, redoes, keeps and refuses."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT
from painlab_execution import CACHES_KEPT, cache_folder, input_files, inputs_key, prune_caches
from painlab_fields import fields
from painlab_offline import copy_mathjax
from painlab_typehints import spell

from painlab.alignment import AlignedClip
from painlab.config import TNTConfig
from painlab.typing import Float

PAGE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A page

```{code-cell} ipython3
import painlab

print("the value is", painlab.VALUE)
```
"""


@pytest.fixture
def small(tmp_path):
    """A checkout with one page and a library of one number."""
    for name in ("_ext", "_static"):
        shutil.copytree(ROOT / "book" / name, tmp_path / "book" / name)
    for name in ("book/build.py", "book/references.bib", "_config.yml", "requirements.txt"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "painlab").mkdir()
    (tmp_path / "painlab" / "__init__.py").write_text("VALUE = 1\n")
    (tmp_path / "book" / "welcome.md").write_text(PAGE)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/welcome\n")
    return tmp_path


def build(checkout) -> subprocess.CompletedProcess:
    command = [sys.executable, checkout / "book" / "build.py"]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True)


def shown(checkout) -> str:
    return (checkout / "_build" / "html" / "book" / "welcome.html").read_text()


@pytest.mark.slow
def test_a_page_is_executed_again_only_when_the_library_changes(small):
    first = build(small)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-1].startswith("The book is at _build/html/index.html (built")
    assert "the value is 1" in shown(small)
    assert "Executed notebook" in first.stderr + first.stdout

    again = build(small)
    assert again.returncode == 0
    assert "0 added, 0 changed, 0 removed" in again.stdout

    (small / "painlab" / "__init__.py").write_text("VALUE = 2\n")
    changed = build(small)
    assert changed.returncode == 0
    assert "the value is 2" in shown(small)

    (small / "painlab" / "__init__.py").write_text("VALUE = 1\n")
    back = build(small)
    assert "the value is 1" in shown(small)
    assert "Executed notebook" not in back.stderr + back.stdout  # its output was kept


@pytest.mark.slow
def test_a_warning_fails_the_build_each_time(small):
    page = small / "book" / "welcome.md"
    page.write_text(PAGE + "\nSee {ref}`nowhere`.\n")
    for _ in range(2):
        result = build(small)
        assert result.returncode != 0
        assert "nowhere" in result.stderr + result.stdout
        assert "The book was not built" in result.stderr


@pytest.mark.slow
def test_a_failing_cell_fails_the_build_and_is_named(small):
    (small / "painlab" / "__init__.py").write_text("")
    result = build(small)
    assert result.returncode != 0
    assert "has no attribute 'VALUE'" in result.stderr + result.stdout


def test_the_key_follows_what_outputs_depend_on(small):
    key = inputs_key(small)
    assert inputs_key(small) == key
    (small / "painlab" / "__pycache__").mkdir()
    (small / "painlab" / "__pycache__" / "x.pyc").write_bytes(b"x")
    (small / "README.md").write_text("x")
    (small / "book" / "welcome.md").write_text("x")
    assert inputs_key(small) == key
    keys = {key}
    for name in (
        "painlab/new.py",
        "painlab/assets/a.bin",
        "data/results/a.json",
        "requirements.txt",
    ):
        path = small / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        keys.add(inputs_key(small))
    assert len(keys) == 5
    assert small / "painlab" / "new.py" in input_files(small)


def test_old_outputs_are_thrown_away(small):
    present = cache_folder(small / "_build", small)
    present.mkdir(parents=True)
    for age in range(6):
        old = present.parent / f"old{age}"
        old.mkdir()
        os.utime(old, (1000 - age, 1000 - age))
    prune_caches(small / "_build", small)
    kept = sorted(folder.name for folder in present.parent.iterdir())
    assert len(kept) == CACHES_KEPT
    assert kept == sorted([present.name, "old0", "old1"])


def test_mathjax_is_copied_whole_and_once(tmp_path):
    target = copy_mathjax(tmp_path)
    assert target == tmp_path / "_static" / "mathjax" / "tex-svg-full.js"
    assert target.stat().st_size > 2_000_000
    before = target.stat().st_mtime_ns
    assert copy_mathjax(tmp_path).stat().st_mtime_ns == before
    target.write_text("cut off")
    assert copy_mathjax(tmp_path).stat().st_size > 2_000_000


def test_fields_keep_their_comments():
    listed = {name: (kind, default, said) for name, kind, default, said in fields(TNTConfig)}
    assert listed["patch_size"] == ("int", "16", "p")
    boxes = next(field for field in fields(AlignedClip) if field[0] == "boxes")
    assert boxes[3] == "left, top, right, bottom"


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (None, "None"),
        (int | None, "int | None"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (AlignedClip, "AlignedClip"),
        ("Later", "Later"),
    ],
)
def test_types_read_as_they_are_written(annotation, text):
    assert spell(annotation) == text


def test_array_types_keep_their_axes():
    import torch

    assert spell(Float[torch.Tensor, "b k d"]) == 'Float[Tensor, "b k d"]'
