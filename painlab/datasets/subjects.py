"""Who is who: one person must have one name, or a split by subject splits nothing.

Names are compared by what is left when case, blanks and Unicode's several ways of writing one
letter are put aside. Surrounding blanks are dropped on reading, since they name nobody. Two names
that then still differ, but only in case or in inner blanks, are refused: whether "s01" is "S01"
cannot be known here, and guessing wrong either way spoils every score.
"""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from painlab.datasets.tables import read_text
from painlab.errors import DataError

#: What can name subjects: a text file with one name a line, or names.
Subjects = str | os.PathLike | Iterable[str]


def subject_key(name: str) -> str:
    """What all spellings of one name have in common.

    Example:
        >>> subject_key(" Anna  B") == subject_key("anna b")
        True
    """
    seen = (letter for letter in name if unicodedata.category(letter) != "Cf")  # no invisible ones
    return " ".join(unicodedata.normalize("NFKC", "".join(seen)).casefold().split())


def two_spellings(subjects: Iterable[str]) -> tuple[str, str] | None:
    """The first two names that are one but for case, blanks or Unicode form, if there are any."""
    spelled = {}
    for name in subjects:
        first = spelled.setdefault(subject_key(name), name)
        if first != name:
            return first, name
    return None


def choose_subjects(chosen: Subjects, present: Iterable[str]) -> set[str]:
    """Those of the present subjects that are chosen, whatever the case they are written in.

    Args:
        chosen: names, or the path of a text file with one name a line; blank lines and what
            follows a ``#`` do not count.
        present: the names that can be chosen.

    Raises:
        DataError: a name that is not present (a misspelt one would silently choose nobody), or no
            name at all.
    """
    known = {subject_key(name): name for name in present}
    if isinstance(chosen, (str, os.PathLike)):
        path = Path(chosen)
        lines = (line.partition("#")[0] for line in read_text(path).split("\n"))
        named = [(name, f"{path}, line {n}") for n, name in enumerate(lines, 1) if name.strip()]
        title = str(path)
    else:
        title = "The list of subjects"
        named = [(name, f"{title}, number {n}") for n, name in enumerate(chosen, start=1)]
    if not named:
        raise DataError(f"{title} names nobody; give the names of subjects, one a line.")
    found = set()
    for name, where in named:
        if subject_key(name) not in known:
            example = f", for example {min(known.values())}" if known else ""
            raise DataError(
                f"{where}: no subject is named {name.strip()!r}; "
                f"there are {len(known)} subjects{example}."
            )
        found.add(known[subject_key(name)])
    return found
