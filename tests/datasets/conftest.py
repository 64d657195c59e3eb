"""One tiny film for all trees and manifests of these tests."""

import numpy as np
import pytest
from trees import Tree

from painlab.video import write_video


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> bytes:
    """The bytes of an .mp4 file of 6 frames, 32×32 pixels, 25 frames a second."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    frames = np.random.default_rng(0).integers(0, 255, (6, 32, 32, 3), dtype=np.uint8)
    write_video(path, frames, fps=25)
    return path.read_bytes()


@pytest.fixture
def tree(tmp_path, film) -> Tree:
    """Three people, one clip of each level, nothing wrong."""
    return Tree(tmp_path / "biovid", film)
