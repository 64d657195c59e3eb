"""Runs every chapter's .ipynb from top to bottom, as Jupyter would, on the processor alone.

``make notebooks-check``, or with names: run_notebooks.py 05_attention 12_frames. The figures are
the widgets that a reader of the notebook sees. Status 0 if every cell ran; what each notebook took
is shown, and never fails.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
EACH, TOGETHER = 180, 720  # seconds that a reader should have to wait at most


def environment() -> dict[str, str]:
    """A reader's: this checkout's library, no accelerator, and not the book's static figures."""
    left_out = ("PAINLAB_STATIC", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    path = os.pathsep.join(dict.fromkeys([str(ROOT), *others]))
    return {**kept, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}


def run(path: Path) -> tuple[float, str]:
    """Run one notebook: seconds, and what went wrong ("" if nothing did)."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(BOOK)}}
    )
    start = time.perf_counter()
    try:
        client.execute(env=environment())
    except CellExecutionError as error:
        return time.perf_counter() - start, str(error)
    return time.perf_counter() - start, ""


def main() -> int:
    """Run those asked for, or all; 1 if a cell of one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="as 05_attention; all if none is given")
    names = parser.parse_args().names
    paths = [BOOK / f"{name}.ipynb" for name in names] or sorted(BOOK.glob("*.ipynb"))
    failed, total = [], 0.0
    for path in paths:
        seconds, problem = run(path)
        total += seconds
        note = "  FAILED" if problem else "  more than a reader should wait" * (seconds > EACH)
        print(f"{path.stem:<24}{seconds:7.1f} s{note}", flush=True)
        if problem:
            failed.append(path.stem)
            print(problem, file=sys.stderr)
    note = "  more than a reader should wait" * (total > TOGETHER)
    print(f"{'together':<24}{total:7.1f} s{note}")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
