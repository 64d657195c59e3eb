"""The rules of the house: who imports whom, which names axes have, what an import costs."""

import ast
import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import painlab

PACKAGE = Path(painlab.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# from the top of the house down: a module imports only from its own room or from rooms above it
ROOMS = [
    "errors", "typing", "devices", "config", "weights", "video", "alignment", "layers", "spatial",
    "temporal", "framework", "datasets", "training", "explain", "comparison", "prediction",
    "explaining", "figures", "cli_data", "cli_synth", "cli_pretrain", "cli_extract", "cli_jobs",
    "cli_training", "cli_loso", "cli_video", "cli_train", "cli_explain", "cli",
]  # fmt: skip
PRIVATE = {
    "_decoding": "video",
    "_encoding": "video",
    "_prediction": "prediction",
    "_explaining": "explaining",
}

# the axis letters of the book's glossary
AXES = set(
    """
    b k c height width n rows cols m r1 r2 p1 p2 s1 s2 d e heads dh q t l dl bands f y i o
    v tri modes actions j xyz
    """.split()  # noqa: SIM905
)

HEAVY = {
    "timm",
    "torchvision",
    "cv2",
    "av",
    "numba",
    "matplotlib",
    "facenet_pytorch",
    "face_alignment",
}


def room_of(path: Path) -> str:
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return PRIVATE.get(name, name)


def imported_rooms(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "painlab" else [
                f"painlab.{alias.name}" for alias in node.names if not alias.name.startswith("__")
            ]  # fmt: skip
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("painlab."):
                room = name.split(".")[1]
                yield PRIVATE.get(room, room)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_above(path):
    room = room_of(path)
    if room in ("__init__", "__main__"):
        pytest.skip("the front door opens every room")
    below = [other for other in imported_rooms(path) if ROOMS.index(other) > ROOMS.index(room)]
    assert below == []


def einops_patterns(path: Path):
    calls = {
        "rearrange",
        "reduce",
        "repeat",
        "einsum",
        "pack",
        "unpack",
        "parse_shape",
        "Rearrange",
    }
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in calls:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def test_every_einops_pattern_uses_the_glossarys_axes():
    found = 0
    for path in MODULES:
        for pattern in einops_patterns(path):
            names = set(re.findall(r"[A-Za-z_]\w*", pattern))
            if pattern in ("mean", "sum", "max", "min", "prod", "any", "all"):
                continue
            found += 1
            assert names <= AXES, f"{path.name}: {pattern!r} uses {sorted(names - AXES)}"
    assert found > 15


def test_the_glossary_of_the_book_names_the_same_axes():
    glossary = (PACKAGE.parent / "book" / "glossary.md").read_text()
    missing = {axis for axis in AXES if f"`{axis}`" not in glossary}
    assert missing == set()


def test_no_public_function_has_the_name_of_a_module():
    modules = {
        name.rsplit(".", 1)[1] for _, name, _ in pkgutil.walk_packages([str(PACKAGE)], "painlab.")
    }
    assert modules & set(painlab.__all__) == set()
    assert len(painlab.__all__) == len(set(painlab.__all__))


def run(script: str) -> str:
    command = [sys.executable, "-X", "utf8", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_painlab_imports_nothing_heavy():
    loaded = run("import sys, painlab; print(*{m.partition('.')[0] for m in sys.modules})").split()
    assert set(loaded) & HEAVY == set()
    assert "painlab" in loaded


def test_training_and_explaining_need_only_torch_einops_and_safetensors():
    """Everything else is hidden, numpy aside (torch's own companion): the models still work."""
    hidden = sorted(HEAVY | {"jaxtyping", "tqdm", "scipy", "skimage", "PIL"})
    run(
        f"import sys\nfor name in {hidden}: sys.modules[name] = None\n"
        "import torch, tempfile, painlab as pl\n"
        "model = pl.PainFramework(pl.FrameworkConfig.tiny())\n"
        "model(torch.zeros(1, 8, 3, 32, 32)).sum().backward()\n"
        "path = pl.save_model(model, tempfile.mkdtemp() + '/m.safetensors')\n"
        "assert pl.count_parameters(pl.load_model(path)) == pl.count_parameters(model)\n"
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_examples_in_docstrings_run(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    if parts[-1] == "__main__":
        pytest.skip("running it is the command line")
    name = ".".join(parts).removesuffix(".__init__")
    torch.manual_seed(0)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_name_says_what_it_does():
    for name in painlab.__all__:
        thing = getattr(painlab, name)
        if callable(thing):
            assert thing.__doc__, name
            assert len(thing.__doc__) > 60, f"{name}: {thing.__doc__}"


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=["check", "format"])
def test_ruff_has_nothing_to_say(arguments):
    command = [sys.executable, "-m", "ruff", *arguments, str(PACKAGE.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
