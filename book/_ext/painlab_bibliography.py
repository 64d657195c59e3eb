"""Heads each entry of the bibliography with what the text cites it by: its authors and year."""

from pybtex.plugin import register_plugin
from pybtex.style.formatting.unsrt import Style as Unsorted
from pybtex.style.labels import BaseLabelStyle

NAME = "author_year"


def authors_and_year(authors: list[str], year: str) -> str:
    """As the citations of sphinxcontrib-bibtex have it, given the last names."""
    if len(authors) > 2:
        names = f"{authors[0]} et al."
    else:
        names = " and ".join(authors)
    return f"{names}, {year}"


class _Labels(BaseLabelStyle):
    def format_labels(self, sorted_entries):
        for entry in sorted_entries:
            last = [
                " ".join(map(str, [*person.rich_prelast_names, *person.rich_last_names]))
                for person in entry.persons["author"]
            ]
            yield authors_and_year(last, entry.fields["year"])


class _Style(Unsorted):
    default_sorting_style = "author_year_title"
    default_label_style = _Labels


def setup(app):
    """Sphinx calls this once."""
    register_plugin("pybtex.style.formatting", NAME, _Style)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
