"""Keeping what was measured: the figures with where, when and with what they came about."""

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from painlab.training.provenance import painlab_commit

ROOT = Path(__file__).parents[2]
PACKAGES = ("torch", "torchvision", "timm", "einops", "numpy", "av", "opencv-python-headless")


def device_name(device: str) -> str:
    """The processor or the accelerator, in words."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {torch.get_num_threads()} threads"


def record(name: str, figures: dict, *, config: dict, seconds: float, device: str = "cpu") -> Path:
    """Write data/results/NAME.json with its provenance; whole or not at all."""
    path = ROOT / "data" / "results" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
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
    part = path.with_suffix(".json.part")
    part.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    part.replace(path)
    return path


def _version(package: str) -> str:
    try:
        return version(package)
    except ModuleNotFoundError:
        return "absent"
