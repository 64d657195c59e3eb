"""JSON files that are there whole or not at all."""

import json
from pathlib import Path

from painlab.errors import DataError


def write_json(path: Path, told: dict) -> Path:
    """Write a file beside its place, then put it there.

    Raises:
        DataError: where it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        if part.exists():  # it cannot where a file stands in the folder's place
            part.unlink()
        raise DataError(f"{path}: cannot be written ({error.strerror or error}).") from error
    return path
