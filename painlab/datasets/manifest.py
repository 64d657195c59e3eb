"""Any data set of clips: a table with a path, a subject and a level for each."""

import math
import os
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from pathlib import Path, PureWindowsPath
from typing import Any

from painlab.datasets.duplicates import refuse_shared_clips
from painlab.datasets.subjects import subject_key
from painlab.datasets.tables import Row, read_table, refuse
from painlab.datasets.tasks import LEVEL_NAMES, Sample, SampleSequence
from painlab.errors import DataError

NEEDS = ("path", "subject", "level")
_CHOICE = f"0 to {len(LEVEL_NAMES) - 1} or {', '.join(LEVEL_NAMES)}"


class Manifest(SampleSequence):
    """The clips that a table lists, in its order: a sequence of `Sample`.

    The table is a CSV file (UTF-8; commas, semicolons or tabs) or a DataFrame (pandas, polars, or
    anything with ``columns`` and columns to iterate over). It needs these columns, and may have
    more, in any order and case:

    - ``path``: the clip; a relative one starts from the manifest's folder
    - ``subject``: who is in it
    - ``level``: 0 to 4, or BL1, PA1, PA2, PA3, PA4
    - ``sample_name`` (if you like): the clip's name, otherwise the file's name without its ending;
      no two clips of one subject may have the same

    Blanks around a cell do not count. Two subjects whose names differ in nothing but case or
    blanks are refused, and so are two clips of different subjects with the same content: one
    person would hide under two names.

    Args:
        source: the path of a CSV file, or a DataFrame.
        root: the folder from which relative paths start; None takes the CSV file's own, or for a
            DataFrame the current one.

    Raises:
        DataError: the first thing that is wrong, with the file and the line, or with the row of
            the DataFrame, counted from 0.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.mp4").write_bytes(b"a film")
        ...     _ = Path(folder, "clips.csv").write_text("path,subject,level\\na.mp4,Anna,PA4\\n")
        ...     clip = Manifest(f"{folder}/clips.csv")[0]
        >>> clip.subject, clip.level, clip.sample_name
        ('Anna', 4, 'a')
    """

    def __init__(self, source: Any, *, root: str | os.PathLike | None = None):
        rows, problems, title = read_rows(source)
        if root is None:
            root = "" if _is_frame(source) else Path(source).parent
        samples, more = samples_of(rows, Path(root))
        refuse(problems + more)
        if not samples:
            raise DataError(f"{title} lists no clips; give one line to each.")
        refuse_shared_clips(samples)
        super().__init__(samples, title=title)


def read_rows(source: Any) -> tuple[list[Row], list[str], str]:
    """The rows of a CSV file or DataFrame, what is wrong with others, and what to call it."""
    if _is_frame(source):
        return _rows_of_frame(source), [], type(source).__name__
    if not isinstance(source, (str, os.PathLike)):
        raise DataError(
            f"Manifest takes the path of a CSV file or a DataFrame, not {type(source).__name__}."
        )
    table = read_table(Path(source), needs=NEEDS, separators=",;\t")
    return table.rows, table.problems, Path(source).name


def samples_of(rows: Iterable[Row], root: Path) -> tuple[list[Sample], list[str]]:
    """The samples of the rows that are right, and one sentence for each that is not."""
    samples, problems = [], []
    spelled: dict[str, tuple[str, str]] = {}
    files: dict[str, str] = {}
    names: dict[tuple[str, str], str] = {}
    for row in rows:
        try:
            sample = _sample(row, root)
            _refuse_repeat(files, os.path.realpath(sample.path), row, f"the clip {sample.path}")
            first, where = spelled.setdefault(
                subject_key(sample.subject), (sample.subject, row.where)
            )
            if first != sample.subject:
                raise DataError(
                    f"{row.where}: subject {sample.subject!r} differs from {first!r} ({where}) "
                    "only in case or blanks; spell one person one way, or name two people apart."
                )
            _refuse_repeat(
                names,
                (sample.subject, sample.sample_name),
                row,
                f"the name {sample.sample_name!r} of a clip of subject {sample.subject}",
                "; tell the clips apart in a column sample_name",
            )
        except DataError as problem:
            problems.append(str(problem))
        else:
            samples.append(sample)
    return samples, problems


def level_of(text: str) -> int | None:
    """The level that a cell means: 0 to 4, as a number or by BioVid's name; None for others.

    Example:
        >>> level_of("PA3"), level_of("bl1"), level_of("2"), level_of("2.0"), level_of("5")
        (3, 0, 2, 2, None)
    """
    name = text.strip().upper()
    if name in LEVEL_NAMES:
        return LEVEL_NAMES.index(name)
    digits = name.removesuffix(".0")  # how a column of numbers with a gap is saved
    known = [str(level) for level in range(len(LEVEL_NAMES))]
    return known.index(digits) if digits in known else None


def _sample(row: Row, root: Path) -> Sample:
    for column in NEEDS:
        if not row.values[column]:
            raise DataError(f"{row.where}: the {column} is empty.")
    level = level_of(row.values["level"])
    if level is None:
        raise DataError(f"{row.where}: level {row.values['level']!r} is not {_CHOICE}.")
    path = root / row.values["path"]
    try:
        if not path.is_file():  # perhaps written on Windows
            path = root / PureWindowsPath(row.values["path"]).as_posix()
        if not path.is_file():
            raise DataError(f"{row.where}: there is no file {root / row.values['path']}.")
    except OSError as error:  # a name too long, say
        raise DataError(f"{row.where}: the path cannot be looked up ({error.strerror}).") from error
    name = row.values.get("sample_name") or path.stem
    return Sample(row.values["subject"], level, path, name)


def _refuse_repeat(seen: dict, key, row: Row, what: str, advice: str = "") -> None:
    first = seen.setdefault(key, row.where)
    if first != row.where:
        raise DataError(f"{row.where}: {what} is there already ({first}){advice}.")


def _is_frame(source: Any) -> bool:
    return hasattr(source, "columns") and hasattr(source, "__getitem__")


def _rows_of_frame(frame: Any) -> list[Row]:
    """The rows of a DataFrame as text, as if it had been read from a file."""
    title, columns = type(frame).__name__, {}
    for column in frame.columns:
        columns.setdefault(str(column).strip().casefold(), []).append(column)
    for name in NEEDS:
        if len(columns.get(name, [])) != 1:
            wrong = "is there twice" if name in columns else "is missing"
            raise DataError(
                f"{title}: the column {name} {wrong}; the columns {', '.join(NEEDS)} are needed."
            )
    wanted = [name for name in (*NEEDS, "sample_name") if name in columns]
    cells: Sequence[list[str]] = [
        [_text(value) for value in frame[columns[name][0]]] for name in wanted
    ]
    return [
        Row(f"{title}, row {number} (counted from 0)", dict(zip(wanted, values, strict=True)))
        for number, values in enumerate(zip(*cells, strict=True))
    ]


def _text(value: Any) -> str:
    """A cell of a DataFrame as text: whole numbers without a point, what is missing as ""."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, Real) and not isinstance(value, Integral):
        if math.isnan(value):
            return ""
        return str(int(value)) if float(value).is_integer() else str(value)
    return str(value).strip()
