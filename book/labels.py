"""What the book's pages call themselves and each other: titles, labels, numbers of equations."""

import re
from pathlib import Path

from pybtex.database import parse_file

BOOK = Path(__file__).resolve().parent

_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_HEADING = re.compile(r"^\(([\w:.-]+)\)=\n#+ (.+)$", re.MULTILINE)
_EXERCISE = re.compile(r"^[`:]{3,}\{exercise\} *(.*)\n:label: *([\w:.-]+)", re.MULTILINE)
_EQUATION = re.compile(r"\$\$ *\(([\w:.-]+)\) *$|^[`:]{3,}\{math\}\n:label: *([\w:.-]+)", re.M)
_NOTEBOOK = re.compile(r"\A---\n.*?\bkernelspec:.*?\n---\n", re.DOTALL)


def is_notebook(page: Path) -> bool:
    """Whether a page has code cells, and so a notebook beside it."""
    return bool(_NOTEBOOK.match(page.read_text(encoding="utf-8")))


class Labels:
    """Answers what a reference on one page should read in its notebook."""

    def __init__(self, page: Path):
        self.page = page
        self.titles: dict[str, str] = {}  # of sections and exercises, by label
        self.homes: dict[str, Path] = {}  # the page of each label
        for other in sorted(page.parent.glob("*.md")):
            text = other.read_text(encoding="utf-8")
            for label, title in _HEADING.findall(text):
                self.titles[label], self.homes[label] = title, other
            for title, label in _EXERCISE.findall(text):
                self.titles[label], self.homes[label] = f"Exercise: {title}", other
            for match in _EQUATION.finditer(text):
                self.homes[match.group(1) or match.group(2)] = other
        found = _EQUATION.finditer(page.read_text(encoding="utf-8"))
        self.equations = [match.group(1) or match.group(2) for match in found]
        self.entries = parse_file(str(BOOK / "references.bib")).entries

    def title(self, label: str) -> str:
        """The title of an exercise or a section."""
        return self.titles[label].removeprefix("Exercise: ")

    def link(self, target: str, words: str, anchor: str) -> str:
        """A link to another page: to its notebook where it has one."""
        other = self.page.parent / target
        if not words:
            words = _TITLE.search(other.read_text(encoding="utf-8")).group(1)
        if is_notebook(other):
            target = target.removesuffix(".md") + ".ipynb"
        return f"[{words}]({target}{anchor})"

    def reference(self, label: str, words: str) -> str:
        """A reference to a section, an exercise or a figure."""
        words = words or self.titles[label]
        home = self.homes[label]
        return f"*{words}*" if home == self.page else self.link(home.name, words, "")

    def equation_number(self, label: str) -> int:
        """The place of an equation on this page, from 1."""
        return self.equations.index(label) + 1

    def equation(self, label: str) -> str:
        """A reference to an equation, on this page or another."""
        if label in self.equations:
            return f"({self.equation_number(label)})"
        return f"({self.link(self.homes[label].name, '', '')})"

    def cite(self, key: str, *, text: bool = False) -> str:
        """Authors and year: ``Han et al., 2021``, or ``Han et al. (2021)`` for running text."""
        entry = self.entries[key]
        names = [" ".join([*p.prelast_names, *p.last_names]) for p in entry.persons["author"]]
        names = [re.sub(r"[{}]", "", name) for name in names]
        who = names[0] if len(names) == 1 else f"{names[0]} et al."
        if len(names) == 2:
            who = f"{names[0]} and {names[1]}"
        year = entry.fields["year"]
        return f"{who} ({year})" if text else f"{who}, {year}"
