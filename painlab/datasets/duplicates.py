"""The same film under two names: found by content, reading only what could be equal."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

from painlab.datasets.subjects import subject_key
from painlab.datasets.tasks import Sample, counted
from painlab.errors import DataError

_BLOCK = 2**16  # bytes


def find_duplicates(
    samples: Iterable[Sample], *, across_subjects: bool = True
) -> list[list[Sample]]:
    """Groups of samples whose files are equal, byte for byte.

    Files of equal size are compared by 192 KiB of their beginning, middle and end, and only those
    that agree there by the SHA-256 of all their bytes. So 8,700 clips cost 8,700 looks at a size
    and the reading of a few.

    Args:
        samples: the clips. Those without a path, without a file (where only features are at
            hand) and with an empty one are left out.
        across_subjects: give only groups that more than one subject shares.

    Raises:
        DataError: a file that is there but cannot be read.
    """
    groups = [[sample for sample in samples if sample.path is not None]]
    for look in (_size, _glimpse, _content):
        groups = [part for group in groups for part in _parts(group, look, across_subjects)]
    return groups


def refuse_shared_clips(samples: Iterable[Sample]) -> None:
    """Refuse a clip that lies under two subjects: one person then hides under two names.

    Raises:
        DataError: names both files and both subjects.
    """
    shared = find_duplicates(samples)
    if not shared:
        return
    first = shared[0][0]
    other = next(s for s in shared[0] if subject_key(s.subject) != subject_key(first.subject))
    more = f" (and {counted(len(shared) - 1, 'more film')})" if len(shared) > 1 else ""
    raise DataError(
        f"{first.path} of subject {first.subject} and {other.path} of subject {other.subject} are "
        f"the same film, byte for byte{more}; "
        "give one person one name, or leave one of the clips out."
    )


def _parts(group: list[Sample], look: Callable, across_subjects: bool) -> list[list[Sample]]:
    """The group parted by what a look at each file shows; parts that can hold no duplicate go."""
    parts: dict[Hashable, list[Sample]] = defaultdict(list)
    for sample in group:
        try:
            seen = look(sample.path)
        except OSError as error:
            raise DataError(f"{sample.path} cannot be read: {error.strerror}.") from error
        if seen is not None:
            parts[seen].append(sample)
    return [
        part
        for part in parts.values()
        if len({subject_key(s.subject) for s in part} if across_subjects else part) > 1
    ]


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _glimpse(path: Path) -> bytes:
    size, seen = path.stat().st_size, hashlib.sha256()
    with path.open("rb") as file:
        for start in (0, (size - _BLOCK) // 2, size - _BLOCK):
            file.seek(max(0, start))
            seen.update(file.read(_BLOCK))
    return seen.digest()


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
