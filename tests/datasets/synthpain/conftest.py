"""One small tree, written once; tests that damage it take a copy."""

import shutil
from pathlib import Path

import pytest
from synthpain_trees import SMALL

from painlab.datasets.synthpain.writer import write_synthpain


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """A tree that no test may change."""
    root = tmp_path_factory.mktemp("synthpain") / "whole"
    write_synthpain(root, **SMALL, processes=1)
    return root


@pytest.fixture
def copy(whole, tmp_path) -> Path:
    """The same tree, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))
