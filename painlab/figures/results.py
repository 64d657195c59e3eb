"""Recorded results: figures that were measured, with where, when and with what."""

import json
from pathlib import Path

from painlab.errors import PainLabError


def read_result(path: str | Path) -> dict:
    """A file of data/results: commit, date, device, versions, config, seconds, figures.

    Raises:
        PainLabError: where the file is missing, or lacks one of these.
    """
    path = Path(path)
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PainLabError(f"{path}: this result cannot be read ({error}).") from error
    needed = ("commit", "date", "device", "versions", "config", "seconds", "figures")
    if missing := [name for name in needed if name not in result]:
        raise PainLabError(f"{path}: this result does not say its {', '.join(missing)}.")
    return result


def provenance(result: dict) -> str:
    """One line that says where a result of `read_result` comes from."""
    return (
        f"Measured on {result['date']} at commit {result['commit'][:9]} "
        f"on {result['device']}, torch {result['versions']['torch']}."
    )
