"""Which painlab made a file, and results that say where, when and with what they came about."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import painlab
from painlab.datasets.tasks import counted
from painlab.training.json_files import write_json

PACKAGES = ("torch", "torchvision", "timm", "einops", "numpy", "av", "opencv-python-headless")


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


def device_name(device: str | torch.device) -> str:
    """The processor or the accelerator, in words."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    threads = counted(torch.get_num_threads(), "thread")
    return f"{names[0] if names else platform.processor()}, {threads}"


def write_result(
    path: Path,
    figures: dict,
    *,
    config: dict,
    seconds: float | int,
    device: str | torch.device = "cpu",
) -> Path:
    """Write figures with commit, date, device, versions and settings; whole or not at all.

    `painlab.figures.read_result` reads them for the book.
    """
    told = {
        "commit": painlab_commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "device": device_name(device),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
        "config": config,
        "seconds": round(seconds, 1),
        "figures": figures,
    }
    return write_json(path, told)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
