"""Types are checked while the tests run, and the real faces beside the checkout are found."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# before anything imports painlab: every annotated shape becomes a check
install_import_hook("painlab", "beartype.beartype")


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real faces; tests that need it skip without it, and fail in CI."""
    beside = Path(__file__).parents[2] / "shared" / "media"
    folder = Path(os.environ.get("PAINLAB_MEDIA", beside))
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"CI needs the faces of {folder}; name their folder in PAINLAB_MEDIA")
        pytest.skip("no folder of real faces (PAINLAB_MEDIA)")
    return folder


def pytest_collection_modifyitems(items):
    """Tests that need an accelerator run where there is one."""
    import torch

    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))
