"""Pictures of every page, light, dark and on a narrow screen: screenshots.py OUT_DIR [BUILD_DIR].

BUILD_DIR is the folder with the rendered pages, _build/html if it is not given.
"""

import sys
from pathlib import Path

from devtools import chromium, find_chromium, served

ROOT = Path(__file__).resolve().parents[2]
LOOKS = {"light": (1280, "light"), "dark": (1280, "dark"), "narrow": (390, "light")}
TALLEST = 12_000  # pixels of one picture


def main() -> int:
    """Write OUT_DIR/PAGE-LOOK.png for each page and look."""
    if len(sys.argv) not in (2, 3) or not (program := find_chromium()):
        print(__doc__ if find_chromium() else "No Chromium was found.", file=sys.stderr)
        return 1
    out = Path(sys.argv[1])
    html = Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "_build" / "html"
    out.mkdir(parents=True, exist_ok=True)
    with served(html) as address, chromium(program) as page:
        for path in sorted((html / "book").glob("*.html")):
            for look, (width, theme) in LOOKS.items():
                page.size(width, mobile=look == "narrow")
                page.goto(f"{address}/book/{path.name}")
                page.theme(theme)
                height = page.evaluate("document.documentElement.scrollHeight")
                clip = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST)}
                (out / f"{path.stem}-{look}.png").write_bytes(
                    page.screenshot(clip, whole_page=True)
                )
    print(f"wrote the pictures to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
