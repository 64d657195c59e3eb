"""Pictures of every page, light, dark and on a narrow screen: screenshots.py OUT_DIR [BUILD_DIR].

BUILD_DIR is the folder with the rendered pages, _build/html if it is not given. A long page comes
in parts, one below the other: OUT_DIR/PAGE-LOOK-1.png, -2.png and so on.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book"))

from devtools import chromium, find_chromium, served  # noqa: E402  (the path above leads to it)

LOOKS = {"light": (1280, "light"), "dark": (1280, "dark"), "narrow": (390, "light")}
TALL = 3000  # pixels of one picture


def main() -> int:
    """Write the pictures of each page and look."""
    if len(sys.argv) not in (2, 3) or not (program := find_chromium()):
        print(__doc__ if find_chromium() else "No Chromium was found.", file=sys.stderr)
        return 1
    out = Path(sys.argv[1])
    html = Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "_build" / "html"
    out.mkdir(parents=True, exist_ok=True)
    with served(html) as address, chromium(program) as page:
        for path in sorted((html / "book").glob("*.html")):
            for look, (width, theme) in LOOKS.items():
                page.size(width, TALL, mobile=look == "narrow")
                page.goto(f"{address}/book/{path.name}")
                page.theme(theme)
                height = page.evaluate("document.documentElement.scrollHeight")
                for part in range(-(-height // TALL)):
                    page.evaluate(f"window.scrollTo(0, {part * TALL})")
                    picture = out / f"{path.stem}-{look}-{part + 1}.png"
                    picture.write_bytes(page.screenshot())
    print(f"wrote the pictures to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
