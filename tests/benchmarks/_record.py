"""Keeping what was measured in data/results."""

from pathlib import Path

from painlab.training.provenance import device_name, write_result

__all__ = ["device_name", "record"]

ROOT = Path(__file__).parents[2]


def record(name: str, figures: dict, *, config: dict, seconds: float, device: str = "cpu") -> Path:
    """Write data/results/NAME.json with its provenance; whole or not at all."""
    path = ROOT / "data" / "results" / f"{name}.json"
    return write_result(path, figures, config=config, seconds=seconds, device=device)
