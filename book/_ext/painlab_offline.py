"""Makes the pages work without a network.

MathJax is copied from the package django-static-mathjax instead of being fetched by the reader's
browser. It goes through html_extra_path: a file under html_static_path would be loaded twice.
Thebe, which this book does not offer, is taken off the pages: Jupyter Book declares its address
twice, which is a console error on each page.
"""

import shutil
from importlib.metadata import files
from pathlib import Path

MATHJAX = "mathjax/static/mathjax/es5/tex-svg-full.js"

# The book's address leads to its first page. Without an icon of its own a page asks for a file that
# is not there.
INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta http-equiv="refresh" content="0; url={first}">
<link rel="icon" href="_static/favicon.svg" type="image/svg+xml">
</head>
<body><p><a href="{first}">{title}</a></p></body>
</html>
"""


def copy_mathjax(vendor: Path) -> Path:
    """Put MathJax below ``vendor`` where ``mathjax_path`` in _config.yml expects it."""
    source = next(f for f in files("django-static-mathjax") if f.as_posix() == MATHJAX).locate()
    target = vendor / "_static" / "mathjax" / Path(MATHJAX).name
    if not target.exists() or target.stat().st_size != Path(source).stat().st_size:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target.with_suffix(".part"))
        target.with_suffix(".part").rename(target)
    return target


def _is_thebe(script) -> bool:
    text = f"{getattr(script, 'filename', '')} {getattr(script, 'attributes', {}).get('body', '')}"
    return "thebe" in text.lower()


def _drop_thebe(app, pagename, templatename, context, doctree):
    scripts = context.get("script_files")
    if scripts is not None:
        scripts[:] = [script for script in scripts if not _is_thebe(script)]


def _copy(app, config):
    copy_mathjax(Path(app.srcdir) / "book" / "_vendor")


def _write_index(app, config):
    index = INDEX.format(title=config.html_title, first=f"{config.master_doc}.html")
    (Path(app.srcdir) / "book" / "_vendor" / "index.html").write_text(index, encoding="utf-8")


def setup(app):
    """Sphinx calls this once."""
    # the folder before Sphinx looks for it, the index after the contents named the first page
    app.connect("config-inited", _copy, priority=100)
    app.connect("config-inited", _write_index, priority=999)
    app.connect("html-page-context", _drop_thebe, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
