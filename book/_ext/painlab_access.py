"""Mends what in rendered pages shuts out readers who hear a page, or speak to it.

Somebody who speaks to a computer says what is written on a button. The theme calls "Show code cell
source" "Toggle hidden content", gives its search field the name of its icon, and hides a second
name in the icons of the switch between light and dark. The bibliography is a list whose entries
have a role that lists may not hold any more.
"""

import re
from pathlib import Path

# on a rendered page: what is wrong, and what takes its place
MENDS = (
    (re.compile(r'<summary aria-label="Toggle hidden content">'), "<summary>"),
    (re.compile(r'(<button class="btn search-button-field[^>]*?) aria-label="Search"'), r"\1"),
    (re.compile(r'(<i class="theme-switch [^>]*?)\s+title="[^"]*"'), r"\1"),
    (re.compile(r'role="doc-biblioentry"'), 'role="listitem"'),
)


def mend(page: str) -> str:
    """A rendered page without these faults."""
    for wrong, right in MENDS:
        page = wrong.sub(right, page)
    return page


def _mend_pages(app, exception):
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        before = path.read_text(encoding="utf-8")
        after = mend(before)
        if after != before:
            path.write_text(after, encoding="utf-8")


def setup(app):
    """Sphinx calls this once."""
    app.connect("build-finished", _mend_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
