"""The rendered pages for readers who see otherwise or use no mouse: axe-core, light and dark.

axe-core (from npm) is not part of the environment: PAINLAB_AXE names its axe.min.js.
"""

import os
from pathlib import Path

import pytest
from conftest import pages_of_the_book
from required import absent

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = [*pages_of_the_book(), "genindex", "search"]

# Colours that are still on their way from light to dark are nobody's.
STILL = """
document.head.insertAdjacentHTML("beforeend", "<style>* { transition: none !important; }</style>")
"""

# A picture is told by its name; axe-core would take minutes for the thousand strokes of each.
THIN = """
document.querySelectorAll("svg").forEach(picture => {
  if (picture.querySelector("[role], [tabindex], a")) return;
  picture.replaceChildren(...picture.querySelectorAll(":scope > title, :scope > desc"));
}), 0
"""

RUN = """
axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations
  .filter(fault => ["serious", "critical"].includes(fault.impact))
  .map(fault => `${fault.impact} ${fault.id}, ${fault.nodes.length} times: ${fault.help}; first `
    + fault.nodes.slice(0, 4).map(node => node.target.join(" ") + " "
      + node.any.concat(node.all, node.none).slice(0, 1).map(check => check.message)).join("; ")))
"""


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    named = os.environ.get("PAINLAB_AXE", "")
    if not named or not Path(named).is_file():
        absent("axe", f"no axe-core at {named!r}: npm pack axe-core, and name its axe.min.js")
    return Path(named).read_text(encoding="utf-8")


def grave_faults(browser, axe: str) -> list[str]:
    """What axe-core finds on the page that is open, of those impacts that shut readers out."""
    browser.evaluate(THIN)
    browser.evaluate(axe + "; 0")
    return browser.evaluate(RUN)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_grave_fault(page, theme, browser, address, axe):
    browser.size(1280)
    browser.goto(f"{address}/{page}.html")
    browser.evaluate(STILL)
    browser.theme(theme)
    assert grave_faults(browser, axe) == []


def test_faults_are_found(browser, address, axe):
    browser.goto(f"{address}/book/glossary.html")
    browser.evaluate(
        "document.querySelector('article').insertAdjacentHTML('beforeend', "
        '\'<img src="data:,"><p style="color:#999;background:#aaa">pale</p><button></button>\')'
    )
    found = " ".join(grave_faults(browser, axe))
    assert all(name in found for name in ("image-alt", "color-contrast", "button-name"))
