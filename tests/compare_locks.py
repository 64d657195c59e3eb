"""Checks a freshly resolved lock against the ranges in pyproject.toml: OLD_LOCK NEW_LOCK.

Fails if the new lock lacks a package that pyproject.toml asks for or has one outside its range;
prints what has moved since the old one, which is no failure.
"""

import sys
import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def read_lock(path: Path) -> list[Requirement]:
    """The requirements of a lock file, without comments."""
    lines = [line.split(" #")[0].strip() for line in path.read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pins(path: Path) -> dict[str, set[str]]:
    """The versions that a lock pins for each package: several where they depend on markers."""
    found: dict[str, set[str]] = {}
    for requirement in read_lock(path):
        (pin,) = requirement.specifier
        if pin.operator != "==":
            raise ValueError(f"{path}: {requirement} is no pin")
        found.setdefault(canonicalize_name(requirement.name), set()).add(pin.version)
    return found


def asked_for(pyproject: Path = ROOT / "pyproject.toml") -> dict[str, Requirement]:
    """The requirements of the library, the book and the tests."""
    project = tomllib.loads(pyproject.read_text())["project"]
    listed = chain(project["dependencies"], *project["optional-dependencies"].values())
    return {canonicalize_name((r := Requirement(text)).name): r for text in listed}


def misfits(lock: dict[str, set[str]]) -> list[str]:
    """What the lock lacks, or has outside the ranges of pyproject.toml."""
    found = []
    for name, requirement in asked_for().items():
        if name not in lock:
            found.append(f"{name} is not in the lock")
        for version in lock.get(name, set()):
            if not requirement.specifier.contains(version, prereleases=True):
                found.append(f"{name} {version} is outside {requirement.specifier}")
    return found


def main() -> int:
    """Compare, report, and give 1 for a lock that does not fit."""
    old, new = pins(Path(sys.argv[1])), pins(Path(sys.argv[2]))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            before, after = (" and ".join(sorted(v.get(name, ["-"]))) for v in (old, new))
            print(f"upstream has moved: {name} {before} -> {after}")
    wrong = misfits(new)
    for text in wrong:
        print(f"the lock resolved anew does not fit: {text}", file=sys.stderr)
    print(f"The lock resolves anew: {len(new)} packages.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
