"""The table of what each chapter took: titles, words and a sum where myst-nb has file names.

It takes the place of myst-nb's own table, so pages ask for it with ``nb-exec-table``.
"""

from datetime import UTC, datetime

from docutils import nodes
from myst_nb.ext.execution_tables import ExecutionStatsNode
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.addnodes import pending_xref
from sphinx.transforms.post_transforms import SphinxPostTransform

HEADS = ("Page", "Executed (UTC)", "Seconds")


def _row(cells: list[nodes.Node]) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        row += nodes.entry("", nodes.paragraph("", "", cell))
    return row


def _link(docname: str, title: str, parent: str) -> pending_xref:
    link = pending_xref(
        refdoc=parent, reftarget=f"/{docname}", reftype="doc", refdomain="std", refexplicit=True
    )
    link += nodes.inline(text=title)
    return link


def times_table(env, parent: str) -> nodes.table:
    """One row for each executed page, and their sum."""
    table = nodes.table(classes=["colwidths-auto"])
    group = nodes.tgroup(cols=len(HEADS))
    table += group
    for _ in HEADS:
        group += nodes.colspec(colwidth=1)
    group += nodes.thead("", _row([nodes.Text(head) for head in HEADS]))
    body = nodes.tbody()
    group += body
    total = 0.0
    for docname, data in sorted(NbMetadataCollector.get_doc_data(env).items()):
        if not (run := data.get("exec_data")):
            continue
        when = datetime.fromtimestamp(run["mtime"], UTC).strftime("%Y-%m-%d %H:%M")
        link = _link(docname, env.titles[docname].astext(), parent)
        body += _row([link, nodes.Text(when), nodes.Text(f"{run['runtime']:.1f}")])
        total += run["runtime"]
    body += _row([nodes.strong(text="All"), nodes.Text(""), nodes.strong(text=f"{total:.1f}")])
    return table


class TimesTable(SphinxPostTransform):
    """Puts the table where a page asked for it."""

    default_priority = 7  # myst-nb's own comes at 8

    def run(self, **kwargs):
        """Replace each placeholder of this page."""
        for node in list(self.document.findall(ExecutionStatsNode)):
            node.replace_self(times_table(self.env, self.env.docname))


def setup(app):
    """Sphinx calls this once."""
    app.add_post_transform(TimesTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
