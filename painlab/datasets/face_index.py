"""Which pictures a folder of people holds: VGGFace2's, or any that has a folder for each person."""

import hashlib
import os
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from painlab.datasets.tables import read_text
from painlab.datasets.tasks import counted
from painlab.errors import DataError

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
TABLE = "identity_meta.csv"
COLUMNS = ("class_id", "name", "sample_num", "flag")
FOR_TRAINING = "1"  # of VGGFace2's column Flag
SPEAK_EVERY = 5.0  # seconds


@dataclass(frozen=True, eq=False, repr=False)
class FaceIndex:
    """The pictures of a folder, in order: people by name, and each one's pictures by name.

    Three million names are 40 MB here, because a person's names are kept as one text.
    """

    root: Path
    people: tuple[str, ...]  # their folders, relative to root
    names: tuple[str, ...]  # of each person's pictures, joined by "/"
    ends: tuple[int, ...]  # pictures up to this person's last one
    digest: str  # over the relative names and the sizes of all pictures
    empty: tuple[str, ...]  # pictures of no bytes

    def __len__(self) -> int:
        return self.ends[-1]

    def picture(self, row: int) -> tuple[str, int]:
        """The name of a picture relative to root, and the number of its person."""
        person = bisect_right(self.ends, row)
        before = self.ends[person - 1] if person else 0
        return f"{self.people[person]}/{self.names[person].split('/')[row - before]}", person


def index_faces(
    root: Path, *, partial: bool = False, say: Callable[[str], None] = print
) -> FaceIndex:
    """Look through a folder of people.

    Where ``root`` has a folder ``train`` that holds folders, as VGGFace2 has, its people are the
    ones; ``test`` is left for measuring. Pictures end in .jpg, .jpeg, .png, .webp or .bmp in any
    case, and lie directly in the folder of their person. Names that begin with a dot do not count.
    People without pictures are left out, and their number is told.

    Where ``identity_meta.csv`` lies in ``root``, or beside a ``root`` named train, it decides:
    those whose Flag is 1 are taken, and each of them must have pictures.

    Args:
        root: the folder.
        partial: go on where people of the table have no pictures.
        say: told how far the search is, and what was left out.

    Raises:
        DataError: where there is no such folder, fewer than two people have pictures, a table
            cannot be read or names people who have none, or a file cannot be looked up.
    """
    top = Path(root)
    try:
        folders = _folders(top)
        train = [name for name in folders if name.casefold() == "train"]
        if train and (inside := _folders(top / train[0])):
            folders = [f"{train[0]}/{name}" for name in inside]
        table = _table_of(top)
        if table is not None:
            folders = _of_table(table, folders, say)
        found = _scan(top, folders, say)
    except OSError as error:
        raise DataError(f"{error.filename or top} cannot be read ({error.strerror}).") from error
    if table is not None:
        _compare(table, found, top, partial, say)
    if len(found.people) < 2:
        seen = "only one person" if found.people else "nobody"
        raise DataError(
            f"{top}: {seen} has pictures there; to tell people apart takes a folder for each of "
            f"two or more, with their pictures ({', '.join(ENDINGS)}) in it."
        )
    return found


def read_identities(path: Path) -> dict[str, tuple[bool, int]]:
    """VGGFace2's table: for each person whether to learn from them, and how many pictures.

    Its columns are Class_ID, Name, Sample_Num, Flag and more. Names are free text, with or without
    quotation marks and with commas in them: whatever stands between the columns before and after
    them is their name.

    Raises:
        DataError: with file and line, where the table is not like that.
    """
    lines = read_text(path).split("\n")
    columns = [cell.strip().casefold() for cell in lines[0].split(",")]
    if lacking := [name for name in COLUMNS if name not in columns]:
        raise DataError(f"{path}, line 1: no column is named {', '.join(lacking)}.")
    after_name = columns.index("name") + 1
    people = {}
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(",")]
        more = len(cells) - len(columns)
        cells = [*cells[: after_name - 1], "", *cells[after_name + max(more, 0) :]]
        row = dict(zip(columns, cells, strict=False))
        if more < 0 or row["flag"] not in ("0", "1") or not row["sample_num"].isdecimal():
            raise DataError(
                f"{path}, line {number}: a person's line has {', '.join(columns)}, "
                "with the flag 0 or 1 and a number of samples."
            )
        if row["class_id"] in people:
            raise DataError(f"{path}, line {number}: {row['class_id']} is there twice.")
        people[row["class_id"]] = row["flag"] == FOR_TRAINING, int(row["sample_num"])
    return people


@dataclass(frozen=True)
class _Table:
    path: Path
    people: dict[str, tuple[bool, int]]


def _table_of(top: Path) -> _Table | None:
    beside = [top.resolve().parent / TABLE] if top.resolve().name.casefold() == "train" else []
    for path in (top / TABLE, *beside):
        if path.is_file():
            return _Table(path, read_identities(path))
    return None


def _of_table(table: _Table, folders: list[str], say) -> list[str]:
    """The folders of those to learn from; tells how many others there are."""
    taken = [f for f in folders if table.people.get(f.rpartition("/")[2], (False, 0))[0]]
    if others := len(folders) - len(taken):
        say(f"left out: {counted(others, 'folder')} that {table.path.name} does not mark with 1.")
    return taken


def _compare(table: _Table, found: FaceIndex, top: Path, partial: bool, say) -> None:
    """What the table names must be there; fewer pictures than it names are told."""
    wanted = {name: count for name, (train, count) in table.people.items() if train}
    begins = (0, *found.ends)
    there = {
        person.rpartition("/")[2]: end - begin
        for person, begin, end in zip(found.people, begins, found.ends, strict=False)
    }
    missing = sorted(wanted.keys() - there.keys())
    if missing and not partial:
        raise DataError(
            f"{table.path} names {len(wanted):,} people to learn from, but {len(missing):,} of "
            f"them have no pictures in {top} (the first is {missing[0]}); complete the folder, or "
            "go on without them (--partial, partial=True)."
        )
    if missing:
        say(f"without pictures: {len(missing):,} of the {len(wanted):,} people of the table.")
    if fewer := [name for name, count in there.items() if count < wanted[name]]:
        lack = sum(wanted[name] - there[name] for name in fewer)
        say(
            f"fewer pictures than the table names: those of {fewer[0]}"
            + (f" and {len(fewer) - 1:,} more" if len(fewer) > 1 else "")
            + f", {counted(lack, 'picture')} in all."
        )


def _folders(top: Path) -> list[str]:
    with os.scandir(top) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))


def _scan(top: Path, folders: list[str], say) -> FaceIndex:
    """The pictures of each folder; those without any are left out, and told."""
    people, names, ends, empty = [], [], [], []
    digest, total, spoke = hashlib.sha256(), 0, time.monotonic()
    for number, folder in enumerate(folders):
        with os.scandir(top / folder) as entries:
            here = sorted(
                (e.name, e.stat().st_size)
                for e in entries
                if e.name.lower().endswith(ENDINGS) and e.name[0] != "." and e.is_file()
            )
        if here:
            total += len(here)
            people.append(folder)
            names.append("/".join(name for name, _ in here))
            ends.append(total)
            empty += [f"{folder}/{name}" for name, size in here if not size]
            told = "".join(f"{folder}/{name}\n{size}\n" for name, size in here)
            digest.update(os.fsencode(told))
        if time.monotonic() - spoke > SPEAK_EVERY:
            spoke = time.monotonic()
            say(f"looked through: {number + 1:,} of {len(folders):,} folders, {total:,} pictures")
    if without := len(folders) - len(people):
        say(f"left out: {counted(without, 'folder')} without pictures.")
    return FaceIndex(
        top, tuple(people), tuple(names), tuple(ends), digest.hexdigest(), tuple(empty)
    )
