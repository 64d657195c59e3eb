"""What the download button gives: the notebook that lies beside the chapter.

The theme offers the notebook that MyST-NB has executed: with its results, with MyST's own markup
that plain Jupyter shows as it is, and without the first cell that installs what is missing. So it
is replaced by the one of book/notebooks.py, which Colab opens as well.
"""

import shutil
from pathlib import Path


def _replace(app, error):
    if error is not None or app.builder.format != "html":
        return
    for offered in sorted(Path(app.outdir, "_sources").rglob("*.ipynb")):
        beside = Path(app.srcdir) / offered.relative_to(Path(app.outdir, "_sources"))
        if beside.is_file():
            shutil.copyfile(beside, offered)


def setup(app):
    """Sphinx calls this once."""
    app.connect("build-finished", _replace)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
