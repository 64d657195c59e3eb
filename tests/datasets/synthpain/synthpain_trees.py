"""What the tests of SynthPain on a disk share: a small tree, and how two trees are compared."""

from pathlib import Path

SMALL = {"subjects": 2, "per_level": 1, "frames": 6, "seed": 3, "size": 48}


def contents(root: Path) -> dict[str, bytes]:
    """Every file below a folder by its place there."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def one_line(error, *words) -> None:
    """An error is one sentence for a person and holds these words."""
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    for word in words:
        assert str(word) in text
