"""Tables of text as people really save them: separators, byte-order marks, line ends.

A table's first line names its columns. Names are compared without case and surrounding blanks, and
columns that nobody asked for are carried along. Whatever is wrong is said with file and line.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from painlab.errors import DataError

_NAMES = {"\t": "tabs", ",": "commas", ";": "semicolons", " ": "blanks"}


@dataclass(frozen=True)
class Row:
    """One line of a table: where it stands, and its trimmed cells by column ("" where empty)."""

    where: str
    values: dict[str, str]


@dataclass(frozen=True)
class Table:
    """The rows that could be read, and one sentence for each that could not."""

    path: Path
    columns: tuple[str, ...]
    rows: list[Row]
    problems: list[str]


def read_text(path: Path) -> str:
    """A text file, without byte-order mark, its line ends made the same.

    Raises:
        DataError: no such file, or not UTF-8 text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}, line {line}: this is not UTF-8 text; save the file as CSV in UTF-8."
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(f"{path}, line {line}: this is not text, or not UTF-8; save it as UTF-8.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_table(path: Path, *, needs: Sequence[str], separators: str) -> Table:
    """Read a table that has at least the columns ``needs``.

    Args:
        path: a text file whose first line that is not blank names the columns.
        needs: names of columns, in lower case.
        separators: what may stand between cells, tried in this order until the first line has
            every needed column. " " stands for any run of blanks; where it is allowed, single
            lines whose tabs have become blanks are read too.

    A row may lack cells at its end if none of them is needed. Blank lines count, but are no rows.

    Raises:
        DataError: the file cannot be read, has no line of columns, lacks a needed column or names
            a column twice, or has a quotation mark that is never closed.
    """
    text = read_text(path)
    columns, separator, header_line = _header(path, text, needs, separators)
    most_needed = max(columns.index(name) for name in needs)
    rows, problems = [], []
    for line, cells in _records(path, text, separator):
        where = f"{path}, line {line}"
        if line <= header_line:
            continue
        if len(cells) == 1 and " " in separators and len(cells[0].split()) == len(columns):
            cells = cells[0].split()
        if len(cells) <= most_needed or any(cells[len(columns) :]):
            problems.append(
                f"{where}: {len(cells)} cells stand under {len(columns)} columns "
                f"separated by {_NAMES[separator]}."
            )
            continue
        cells += [""] * (len(columns) - len(cells))
        rows.append(Row(where, dict(zip(columns, cells, strict=False))))
    return Table(path, columns, rows, problems)


def refuse(problems: Sequence[str], *, hint: str = "") -> None:
    """Raise the first problem, if there is one, with the number of the others."""
    if not problems:
        return
    more = len(problems) - 1
    others = f"; {more} more such {'place' if more == 1 else 'places'}" if more else ""
    raise DataError(problems[0].removesuffix(".") + others + (hint and f"; {hint}") + ".")


def _header(
    path: Path, text: str, needs: Sequence[str], separators: str
) -> tuple[tuple[str, ...], str, int]:
    """The columns' names, the separator, and the number of the line they stand on."""
    fewest = None
    for separator in separators:
        line, cells = next(_records(path, text, separator), (0, []))
        if not line:
            raise DataError(f"{path} is empty; its first line must name {', '.join(needs)}.")
        names = tuple(cell.casefold() for cell in cells)
        lacking = [name for name in needs if name not in names]
        if not lacking:
            twice = sorted({name for name in needs if names.count(name) > 1})
            if twice:
                raise DataError(f"{path}, line {line}: the column {twice[0]} is there twice.")
            return names, separator, line
        if fewest is None or len(lacking) < len(fewest):
            fewest = lacking
    raise DataError(
        f"{path}, line {line}: no column is named {', '.join(fewest)}; the first line must name "
        f"{', '.join(needs)}, separated by {_NAMES[separators[0]]}."
    )


def _records(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not blank: their numbers, from 1 on, and their trimmed cells."""
    if separator == " ":
        reader = (line.split() for line in text.split("\n"))
        numbered = enumerate(reader, start=1)
    else:
        numbered = _quoted(path, text, separator)
    for number, cells in numbered:
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield number, cells


def _quoted(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Records of a CSV file with quotation marks, each with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {line}: a quotation mark or a cell is not closed ({error})."
        ) from error
