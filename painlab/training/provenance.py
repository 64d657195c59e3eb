"""Which painlab made a file."""

import subprocess
from pathlib import Path

import painlab


def painlab_commit() -> str:
    """The commit of painlab's own checkout, or its version where it runs from somewhere else.

    An installed painlab may lie within the checkout of another project, whose commit says nothing.
    """
    package = Path(painlab.__file__).parent
    try:
        tracked = _git(package, "ls-files", "--error-unmatch", "__init__.py")
        commit = _git(package, "rev-parse", "HEAD")
        changes = _git(package, "status", "--porcelain", "--", ".")
    except (OSError, subprocess.CalledProcessError):  # no git, no checkout, or not painlab's
        return f"painlab {painlab.__version__}"
    return commit + (" with changes" if tracked and changes else "")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
