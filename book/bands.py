"""The numbers that chapters hand to their text, and the bands in which they must lie.

``python book/bands.py`` looks at the book that was last built and says which numbers have left
their band of book/bands.yml. ``--accept`` writes bands for new numbers (a tenth to either side, or
exactly what it is for a count) and takes away those that no text needs any more. Look at them, and
narrow or widen them by hand to what the words beside the number bear.
"""

import argparse
import ast
import json
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
BANDS = ROOT / "book" / "bands.yml"
HEAD = """\
# Between what the numbers lie that each page's text takes from its cells with glue. What is
# outside fails a test before a reader meets a sentence that is no longer so. A single number is
# exact. `measured` is a time, or follows from one: it depends on the machine, and is 0 or more.
# `text` is words. Kept by book/bands.py.
"""
MEASURED, TEXT = "measured", "text"

_USED = re.compile(r"\{glue:text\}`([^`:]+)")
# quoted, not meant
_QUOTED = re.compile(r"^(`{4,})markdown\n.*?^\1$|(?<!`)`` .*? ``(?!`)", re.MULTILINE | re.DOTALL)


def used(page: Path) -> set[str]:
    """The names that the text of a page takes."""
    text = _QUOTED.sub("", page.read_text(encoding="utf-8"))
    return set(_USED.findall(text))


def pages() -> dict[str, set[str]]:
    """The names used on each page that uses any."""
    found = {page.stem: used(page) for page in sorted((ROOT / "book").glob("*.md"))}
    return {stem: names for stem, names in found.items() if names}


def built(page: str, build: Path) -> dict[str, object]:
    """What a page handed over when it was last executed: numbers and texts by name."""
    path = build / "jupyter_execute" / "book" / f"{page}.glue.json"
    if not path.exists():
        raise SystemExit(f"{page} is not built: run make book, or book/build.py --only {page}.")
    values = {}
    for name, output in json.loads(path.read_text(encoding="utf-8")).items():
        if "text/plain" in output["data"]:
            values[name] = ast.literal_eval(output["data"]["text/plain"])
    return values


def fault(value: object, band: object) -> str:
    """What is wrong with a value, or ""."""
    if band == TEXT:
        return "" if isinstance(value, str) and value else f"{value!r} is no text"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{value!r} is no number"
    if band == MEASURED:
        return "" if 0 <= value < float("inf") else f"{value:g} is no time"
    low, high = band if isinstance(band, list) else (band, band)
    return "" if low <= value <= high else f"{value:.6g} is not from {low:.6g} to {high:.6g}"


def propose(value: object) -> object:
    """A first band for a new number."""
    if isinstance(value, str):
        return TEXT
    if isinstance(value, int):
        return value
    width = max(0.1 * abs(value), 1e-6)  # what is smaller is rounding
    return [float(f"{value - width:.3g}"), float(f"{value + width:.3g}")]


def read_bands() -> dict[str, dict[str, object]]:
    """The bands by page and name."""
    return yaml.safe_load(BANDS.read_text(encoding="utf-8")) or {}


def _spell(band: object) -> str:
    if isinstance(band, list):
        return f"[{', '.join(map(_spell, band))}]"
    text = str(band)
    return re.sub(r"^(-?\d+)e", r"\1.0e", text)  # without a point YAML reads a word


def write_bands(bands: dict[str, dict[str, object]]) -> None:
    """Write the file anew, in order."""
    lines = [HEAD]
    for page, here in sorted(bands.items()):
        lines.append(f"\n{page}:\n")
        lines += [f"  {name}: {_spell(band)}\n" for name, band in sorted(here.items())]
    part = BANDS.with_suffix(".part")
    part.write_text("".join(lines), encoding="utf-8")
    part.rename(BANDS)


def main() -> int:
    """Compare or accept; 0 if every number looked at lies in its band."""
    parser = argparse.ArgumentParser(description="Numbers of the built book against their bands.")
    parser.add_argument("pages", nargs="*", help="as 05_attention; all if none is given")
    parser.add_argument("--accept", action="store_true", help="write bands for new numbers")
    parser.add_argument("--build", type=Path, default=ROOT / "_build", metavar="DIR")
    options = parser.parse_args()
    bands, wrong = read_bands(), []
    for page, names in pages().items():
        if options.pages and page not in options.pages:
            continue
        values, here = built(page, options.build), bands.setdefault(page, {})
        if options.accept:
            new = {name: propose(values[name]) for name in names & values.keys()}
            bands[page] = here = {n: here.get(n, new.get(n, TEXT)) for n in names}
        for name in sorted(names):
            problem = fault(values.get(name), here[name]) if name in here else "it has no band"
            wrong += [f"{page}, {name}: {problem}"] if problem else []
    if options.accept:
        write_bands(bands)
    print("\n".join(wrong) or "Every number lies in its band.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
