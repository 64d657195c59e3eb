"""The package alone, as `pip install .` gives it: no book, no checkout, no network."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from painlab.video import write_video

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of a copy of the checkout, so that nothing is left behind in it."""
    copy = tmp_path_factory.mktemp("source")
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "painlab", "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, tracked.split("\0")):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", copy / "dist"]
    done = subprocess.run([*build, copy], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return next((copy / "dist").glob("*.whl"))


def test_the_wheel_carries_code_assets_and_licence_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("assets/landmarks68.safetensors") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert all(name.startswith(("painlab/", "painlab-")) for name in names)
    assert not any("test" in name or name.endswith((".md", ".ipynb")) for name in names)


@pytest.mark.slow
def test_installed_alone_it_predicts(wheel, tmp_path):
    """From the wheel and what it declares to need, into an empty environment, offline.

    uv takes the packages from its cache, which making the environment of the tests has filled.
    """
    home = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    uv = [sys.executable, "-m", "uv"]
    if subprocess.run([*uv, "--version"], capture_output=True, check=False).returncode:
        missing = "this environment was not made by `make env`: it has no uv"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    empty = tmp_path / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", empty], check=True)
    python = empty / "bin" / "python"
    install = ["pip", "install", "--offline", "--link-mode", "symlink", "--python", str(python)]
    done = subprocess.run(
        [*uv, *install, "--constraint", str(ROOT / "requirements.txt"), str(wheel)],
        capture_output=True,
        text=True,
        check=False,
        env=home,
    )
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [*uv, "pip", "list", "--format", "json", "--python", str(python)],
        capture_output=True,
        text=True,
        check=True,
        env=home,
    ).stdout
    names = {package["name"] for package in json.loads(listed)}
    assert {"painlab", "torch", "av"} <= names
    assert (
        names
        & {"jupyter-book", "sphinx", "matplotlib", "timm", "pytest", "beartype", "face-alignment"}
        == set()
    )

    from skimage.data import astronaut

    write_video(tmp_path / "face.mp4", np.stack([astronaut()] * 3), fps=25)
    done = subprocess.run(
        [empty / "bin" / "painlab", "predict", "face.mp4", "--json", "--quiet"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=home,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["frames_with_face"] == 3
    where = [python, "-c", "import painlab; print(painlab.__file__)"]
    shown = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert str(empty) in shown
