"""The environment is what the files say: offline, against requirements.txt and pyproject.toml."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml
from compare_locks import asked_for, misfits, pins, read_lock
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.txt"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FILES = (LOCK, ROOT / "environment.yml", ROOT / "pyproject.toml")


def applies(marker: Marker | None) -> bool:
    return marker is None or marker.evaluate()


def test_the_lock_pins_all_that_pyproject_asks_for():
    assert misfits(pins(LOCK)) == []


def test_a_lock_that_does_not_fit_is_found():
    lock = pins(LOCK)
    del lock["einops"]
    lock["jupyter-book"] = {"2.0.0"}
    assert misfits(lock) == [
        "einops is not in the lock",
        "jupyter-book 2.0.0 is outside ==1.0.4.post1",
    ]


def test_the_lock_pins_what_the_book_was_measured_with():
    lock = pins(LOCK)
    for text in PYPROJECT["tool"]["uv"]["constraint-dependencies"]:
        name, pinned = text.split("==")
        assert lock[name] == {pinned}


def test_one_pin_of_each_package_applies_here():
    names = [r.name for r in read_lock(LOCK) if applies(r.marker)]
    assert len(names) == len(set(names))
    assert set(asked_for()) <= set(names)


@pytest.mark.parametrize(
    "requirement", [r for r in read_lock(LOCK) if applies(r.marker)], ids=lambda r: r.name
)
def test_what_is_installed_is_what_is_pinned(requirement):
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        pytest.fail(f"{requirement.name} is not installed: run make env")
    # a build of torch for one kind of machine has a label, as 2.14.1+cu130
    assert requirement.specifier.contains(installed.split("+")[0], prereleases=True), (
        f"{requirement} is pinned and {installed} installed: run make env"
    )


def test_conda_installs_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python = next(d for d in environment["dependencies"] if str(d).startswith("python="))
    assert SpecifierSet(PYPROJECT["project"]["requires-python"]).contains(python.split("=")[1])
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert pip == ["-r requirements.txt", "-e ."]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_names_an_index_or_a_path_of_a_machine(path):
    text = path.read_text()
    for word in ("index-url", "find-links", "file:", "@ ", " /", "~/"):
        assert word not in text, f"{path.name} has {word!r}"
    hosts = set(re.findall(r"https?://([^/\s\"']+)", text))
    assert hosts <= {"github.com"}  # the project's own address


def test_uv_is_pinned_in_the_makefile():
    assert re.search(r"^UV_VERSION := \d+\.\d+\.\d+$", (ROOT / "Makefile").read_text(), re.M)
