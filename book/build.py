"""Builds the book: ``python book/build.py``, or ``make book``.

Every warning and every failing cell is an error. ``--fresh`` first deletes the rendered pages and
Sphinx's memory of them, because a warning shows only when the page that causes it is read.
``--only`` renders a draft of a few chapters, in which warnings are shown but not counted.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from painlab_execution import prune_caches  # noqa: E402  (the path above leads to it)

RENDERED = ("html", ".doctrees", "jupyter_execute")
RUN_JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"  # the package has no __main__


def parse_arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description="Execute the chapters and render the book.")
    parser.add_argument("--fresh", action="store_true", help="delete the rendered pages first")
    parser.add_argument("--quiet", action="store_true", help="show only warnings and errors")
    parser.add_argument(
        "--only", nargs="+", metavar="PAGE", help="a draft of these, as 05_attention"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT, metavar="DIR", help="build in DIR/_build"
    )
    return parser.parse_args()


def command_for(options: argparse.Namespace) -> list[str]:
    """The call of Jupyter Book that the options ask for."""
    command = [sys.executable, "-c", RUN_JUPYTER_BOOK, "build", ".", "--keep-going", "-n"]
    command += ["--path-output", str(options.output)]
    if options.quiet:
        command.append("-q")
    if not options.only:
        return [*command, "-W"]
    pages = [page.removeprefix("book/").removesuffix(".md") for page in options.only]
    pages = [*dict.fromkeys([*pages, "bibliography"])]
    toc = options.output / "_build" / "draft_toc.yml"
    toc.parent.mkdir(parents=True, exist_ok=True)
    chapters = "".join(f"  - file: book/{page}\n" for page in pages if page != "welcome")
    toc.write_text(f"format: jb-book\nroot: book/welcome\nchapters:\n{chapters}")
    os.environ["PAINLAB_BOOK_PAGES"] = " ".join(["welcome", *pages])
    return [*command, "--toc", str(toc)]


def main() -> int:
    """Build, say where the book is and how long it took; 0 only if nothing went wrong."""
    options = parse_arguments()
    options.output = options.output.resolve()
    start = time.perf_counter()
    build = options.output / "_build"
    if options.fresh:
        for name in RENDERED:
            shutil.rmtree(build / name, ignore_errors=True)
    status = subprocess.run(command_for(options), cwd=ROOT, check=False).returncode
    seconds = time.perf_counter() - start
    if status:
        # a page whose warnings were shown would be taken as read next time, and its faults missed
        shutil.rmtree(build / ".doctrees", ignore_errors=True)
        print(f"The book was not built: see the warnings above ({seconds:.0f} s).", file=sys.stderr)
        return status
    prune_caches(build)
    index = build / "html" / "index.html"
    shown = index.relative_to(ROOT) if index.is_relative_to(ROOT) else index
    print(f"The book is at {shown} (built in {seconds:.0f} s).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
