"""Prints the rendered chapters: ``python book/pdf.py``, or ``make pdf``.

Each page of the book becomes _build/pdf/NAME.pdf, through a headless Chromium. Figures with a
slider show the picture that the page opens with, code that is folded away is left out, and the
solutions of a chapter's exercises stand together at its end.

``--publish`` writes the files beside the rendered pages instead, and turns the button that prints
a page into a link to its file. Do it once, after the book is built and tested.
"""

import argparse
import base64
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book"))

from devtools import chromium, find_chromium, served  # noqa: E402  (the path above leads to it)

# What a page of paper has no use for, or wants elsewhere. Answers that stand at the end can be read
# on paper and are not read by accident.
ARRANGE = """
(() => {
  document.documentElement.dataset.mode = "light";
  document.documentElement.dataset.theme = "light";
  document.querySelectorAll("article details:not(.hide)").forEach(part => { part.open = true; });
  const answers = [...document.querySelectorAll("article div.solution")];
  if (!answers.length) return 0;
  const part = document.createElement("section");
  part.className = "pl-answers";
  part.innerHTML = "<h2>Solutions</h2>";
  answers.forEach(answer => {
    answer.classList.remove("toggle-hidden");
    part.append(answer);
  });
  document.querySelector("article").append(part);
  return answers.length;
})()
"""

FOOT = """
<div style="width: 100%; margin: 0 15mm; font: 8px sans-serif; color: #555; display: flex;
 justify-content: space-between"><span class="title"></span>
<span><span class="pageNumber"></span> of <span class="totalPages"></span></span></div>
"""

PAPER = {  # A4, in inches
    "paperWidth": 8.27,
    "paperHeight": 11.69,
    "marginTop": 0.6,
    "marginBottom": 0.7,
    "marginLeft": 0.6,
    "marginRight": 0.6,
    "scale": 0.8,
    "printBackground": True,
    "displayHeaderFooter": True,
    "headerTemplate": "<span></span>",
    "footerTemplate": FOOT,
    "generateTaggedPDF": True,
    "generateDocumentOutline": True,
}

BUTTON = re.compile(r'<button onclick="window\.print\(\)"(.*?)</button>', re.DOTALL)


def pages() -> list[str]:
    """The pages of the book, as ``05_attention``."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [toc["root"]] + [page["file"] for part in toc["parts"] for page in part["chapters"]]
    return [Path(file).name for file in files]


def print_page(page, url: str) -> bytes:
    """The PDF of one page."""
    page.size(1280)
    page.goto(url)
    page.evaluate(ARRANGE)
    return base64.b64decode(page.send("Page.printToPDF", **PAPER)["data"])


def link_file(html: Path, target: str) -> None:
    """Turn the button of a rendered page that prints it into a link to its file."""
    text = html.read_text(encoding="utf-8")
    link = rf'<a href="{target}" download\1</a>'
    changed, found = BUTTON.subn(link, text)
    if found != 1 and target not in text:
        raise SystemExit(f"{html.name} has {found} buttons that print it, not one.")
    html.write_text(changed, encoding="utf-8")


def main() -> int:
    """Print the pages asked for, say where they are; 0 if that is done."""
    parser = argparse.ArgumentParser(description="Print the rendered chapters as PDF files.")
    parser.add_argument("--only", nargs="+", metavar="PAGE", help="only these, as 05_attention")
    parser.add_argument("--publish", action="store_true", help="beside the pages, and linked there")
    parser.add_argument("--build", type=Path, default=ROOT / "_build", metavar="DIR")
    options = parser.parse_args()
    html = options.build / "html"
    out = html / "pdf" if options.publish else options.build / "pdf"
    names = options.only or pages()
    missing = [name for name in names if not (html / "book" / f"{name}.html").exists()]
    if missing:
        print(f"Not rendered: {', '.join(missing)}. Run make book first.", file=sys.stderr)
        return 1
    program = find_chromium()
    if not program:
        print("No Chromium was found: install one, or name it in CHROMIUM.", file=sys.stderr)
        return 1
    out.mkdir(parents=True, exist_ok=True)
    with served(html) as address, chromium(program) as page:
        for name in names:
            part = out / f"{name}.pdf.part"
            part.write_bytes(print_page(page, f"{address}/book/{name}.html"))
            part.rename(out / f"{name}.pdf")
            if options.publish:
                link_file(html / "book" / f"{name}.html", f"../pdf/{name}.pdf")
    print(f"{len(names)} pages are in {out.relative_to(ROOT) if ROOT in out.parents else out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
