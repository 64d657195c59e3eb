"""The messages that the troubleshooting page explains are messages that there are."""

import re

import pytest
from conftest import ROOT

PAGE = (ROOT / "book" / "troubleshooting.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^### `(.+)`", PAGE, re.MULTILINE)
NOT_OURS = {"make", "operator torchvision::nms does not exist", "No module named 'painlab'"}
SOURCES = [*(ROOT / "painlab").rglob("*.py"), ROOT / "Makefile", ROOT / "book" / "build.py"]


def said(path) -> str:
    """A source without the quotes and line ends that cut its messages into pieces."""
    return re.sub(r'"\s*\n\s*f?"|\s*\n\s*', " ", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("message", [m for m in HEADINGS if m not in NOT_OURS])
def test_a_message_is_still_said(message):
    texts = [re.sub(r"\s+", " ", said(path)) for path in SOURCES]
    parts = [part.strip(" :") for part in message.split("…")]
    assert any(all(part in text for part in parts) for text in texts)


def test_the_files_of_fan_have_these_names():
    from painlab.alignment.fan import FAN_FILES

    assert all(name in PAGE for name in FAN_FILES)
