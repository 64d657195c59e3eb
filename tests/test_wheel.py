"""The package alone, as `pip install .` gives it: no book, no checkout, no network."""

import json
import os
import subprocess
import sys
import zipfile
from email import message_from_string
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from required import absent

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
    assets = {"landmarks68.safetensors", "head.safetensors"}
    assert assets <= {Path(name).name for name in names if name.startswith("painlab/assets/")}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert all(name.startswith(("painlab/", "painlab-")) for name in names)
    assert not any("test" in name or name.endswith((".md", ".ipynb")) for name in names)


def needed_by(wheel):
    """The distributions that `pip install WHEEL` would bring here, itself not among them."""
    with zipfile.ZipFile(wheel) as opened:
        name = next(n for n in opened.namelist() if n.endswith(".dist-info/METADATA"))
        described = opened.read(name).decode()
    needed, open_ = {}, [(message_from_string(described).get_all("Requires-Dist"), "")]
    while open_:
        requirements, extra = open_.pop()
        for line in requirements:
            requirement = Requirement(line)
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            child = canonicalize_name(requirement.name)
            assert requirement.specifier.contains(distribution(child).version, prereleases=True)
            for wanted in ("", *requirement.extras):
                if wanted not in needed.setdefault(child, set()):
                    needed[child].add(wanted)
                    open_.append((distribution(child).requires or (), wanted))
    return set(needed)


def link_distribution(name, site_packages):
    """Link the files of an installed distribution, one by one, into another site-packages."""
    for file in distribution(name).files:
        if ".." not in file.parts and file.locate().is_file():
            target = site_packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                target.symlink_to(file.locate())


@pytest.mark.slow
def test_installed_alone_it_predicts(wheel, tmp_path):
    """The wheel and what it declares to need, in an empty environment, without a network.

    What it declares to need is linked from the environment of the tests, so that nothing is
    downloaded and no installer's cache has to be full.
    """
    home = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    uv = [sys.executable, "-m", "uv"]
    if subprocess.run([*uv, "--version"], capture_output=True, check=False).returncode:
        absent("uv", "this environment was not made by `make env`: it has no uv")
    empty = tmp_path / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", empty], check=True)
    python = empty / "bin" / "python"
    site_packages = next(empty.glob("lib/python*/site-packages"))
    for name in needed_by(wheel):
        link_distribution(name, site_packages)
    install = ["pip", "install", "--offline", "--no-deps", "--python", str(python), str(wheel)]
    done = subprocess.run([*uv, *install], capture_output=True, text=True, check=False, env=home)
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

    write_video(tmp_path / "face.mp4", np.stack([astronaut()] * 12), fps=25)
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
