"""Lists the fields of dataclasses and named tuples, with the comments beside them.

The comments say what the paper calls a field, or what its axes are; autodoc knows nothing of them.
"""

import ast
import inspect
import re
import textwrap
from dataclasses import is_dataclass

_COMMENT = re.compile(r"\s#\s+(.*)$")


def fields(cls) -> list[tuple[str, str, str, str]]:
    """Name, type, default and comment of each field, as written in the source."""
    source = textwrap.dedent(inspect.getsource(cls))
    lines = source.splitlines()
    found = []
    for node in ast.parse(source).body[0].body:
        if not isinstance(node, ast.AnnAssign) or node.target.id.startswith("_"):
            continue
        comment = _COMMENT.search(lines[node.end_lineno - 1][node.end_col_offset :])
        kind = ast.get_source_segment(source, node.annotation)
        default = ast.get_source_segment(source, node.value) if node.value else ""
        if default.startswith("field("):
            default = ""
        found.append((node.target.id, kind, default, comment.group(1) if comment else ""))
    return found


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip("( )") if "\n" in text else text


def _add_fields(app, what, name, obj, options, lines):
    if what != "class" or not (is_dataclass(obj) or hasattr(obj, "_fields")):
        return
    lines += ["", ".. rubric:: Fields", ""]
    for field, kind, default, comment in fields(obj):
        value = f" = ``{_one_line(default)}``" if default else ""
        said = f" – {comment}" if comment else ""
        lines.append(f"- **{field}** (``{kind}``){value}{said}")
    lines.append("")


def setup(app):
    """Sphinx calls this once."""
    app.connect("autodoc-process-docstring", _add_fields, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
