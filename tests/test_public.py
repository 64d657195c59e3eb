"""What is meant for use: help that stands by itself, an example that runs, a place in the book."""

import ast
import dataclasses
import doctest
import inspect
import re
import textwrap
from pathlib import Path

import jupytext
import numpy as np
import pytest
import torch

import painlab

ROOT = Path(__file__).parents[1]
NAMES = [name for name in painlab.__all__ if callable(getattr(painlab, name))]

# what a reader of help(pl.X) may be expected to have at hand
AT_HAND = {"pl": painlab, "np": np, "torch": torch, "nn": torch.nn, "Path": Path}
AT_HAND |= {name: getattr(painlab, name) for name in painlab.__all__}

# rooms whose parts carry out the paper or another publication, and say which place of it
METHOD = ("alignment", "config", "explain", "framework", "layers", "spatial", "temporal")
WITHOUT = ("load_model", "save_model")  # files are no part of it
SOURCES = re.compile(r"\bpaper\b|\bEq\. ?\d|et al\.|\(\d{4}\)|Table [IV]+")


def thing(name: str):
    return getattr(painlab, name)


def gives_something(name: str) -> bool:
    what = thing(name)
    return not inspect.isclass(what) and inspect.signature(what).return_annotation is not None


def is_of_the_method(name: str) -> bool:
    return thing(name).__module__.split(".")[1] in METHOD and name not in WITHOUT


def sections(name: str) -> dict[str, str]:
    """The parts of a docstring by their headings; what stands before the first is ""."""
    parts = re.split(
        r"^(Args|Attributes|Returns|Raises|Warns|Example):$",
        inspect.getdoc(thing(name)),
        flags=re.M,
    )
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


def parameters(name: str) -> list[str]:
    """What a caller may give."""
    if name == "PainLabError":
        return []
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    given = inspect.signature(thing(name)).parameters.values()
    return [p.name for p in given if p.name != "self" and p.kind not in kinds]


def source(name: str) -> str:
    """The code of a function, or of what makes an object of a class."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing(name)))).body[0]
    if isinstance(tree, ast.FunctionDef):
        return ast.unparse(tree)
    made = ("__init__", "__post_init__")
    return "\n".join(ast.unparse(part) for part in tree.body if getattr(part, "name", "") in made)


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example_that_runs_by_itself(name):
    """With nothing of its module but what is public; where it is written it runs as well."""
    parser, torch_state = doctest.DocTestParser(), torch.random.get_rng_state()
    test = parser.get_doctest(inspect.getdoc(thing(name)), dict(AT_HAND), name, None, 0)
    assert test.examples, f"help(pl.{name}) has no example"
    torch.manual_seed(0)
    try:
        assert doctest.DocTestRunner().run(test).failed == 0
    finally:
        torch.random.set_rng_state(torch_state)


@pytest.mark.parametrize("name", NAMES)
def test_help_tells_of_every_argument(name):
    what, told = thing(name), sections(name)
    if dataclasses.is_dataclass(what) and not {"Args", "Attributes"} & told.keys():
        # its fields carry their comments beside them, which help shows nowhere: types do
        code = inspect.getsource(what)
        fields = [field.name for field in dataclasses.fields(what)]
        assert all(re.search(rf"^    {field}: \S", code, re.M) for field in fields)
        return
    text = " ".join((told[""], told.get("Args", ""), told.get("Attributes", "")))
    missing = [p for p in parameters(name) if not re.search(rf"\b{re.escape(p)}\b", text)]
    assert missing == [], f"help(pl.{name}) does not tell of {missing}"


@pytest.mark.parametrize("name", [name for name in NAMES if gives_something(name)])
def test_help_tells_what_comes_back(name):
    told = sections(name)
    # what is named after what it gives says so in its first line
    gives = r"(A|An|The|For each|Class|Number of|Floating-point|What|Micro|Fourier)\b"
    named = re.match(gives, told[""])
    assert "Returns" in told or named, f"help(pl.{name}) does not say what it gives"


@pytest.mark.parametrize("name", NAMES)
def test_help_tells_what_is_raised(name):
    if re.search(r"^\s*(raise [A-Z]|_require\w*\(|_refuse\w*\()", source(name), re.M):
        assert "Raises" in sections(name), f"help(pl.{name}) does not say what it raises"


@pytest.mark.parametrize("name", [name for name in NAMES if is_of_the_method(name)])
def test_help_names_the_place_in_the_paper(name):
    assert SOURCES.search(inspect.getdoc(thing(name))), f"help(pl.{name}) names no source"


def shown() -> str:
    """The code of all chapters, the names of the source that they show, and names in their text."""
    parts = []
    for chapter in sorted((ROOT / "book").glob("[0-9][0-9]_*.md")):
        for cell in jupytext.read(chapter, fmt="md:myst").cells:
            if cell.cell_type == "code":
                parts.append(cell.source)
            else:
                parts += re.findall(r"^:pyobject: (.+)$", cell.source, re.M)
                parts += re.findall(r"`(?:pl\.)?(\w+)[^`]*`", cell.source)
    return "\n".join(parts)


def test_every_public_name_is_shown_in_a_chapter():
    book = shown()
    missing = [name for name in painlab.__all__ if not re.search(rf"\b{name}\b", book)]
    assert missing == []
