"""What is not there is skipped, and a failure where it is required."""

import pytest
from required import absent, required


@pytest.mark.parametrize(
    ("named", "outcome"), [("", "skip"), ("book browser", "skip"), ("media book", "fail")]
)
def test_absence_is_told_as_asked_for(monkeypatch, named, outcome):
    monkeypatch.setenv("PAINLAB_REQUIRE", named)
    kinds = {"skip": pytest.skip.Exception, "fail": pytest.fail.Exception}
    with pytest.raises(kinds[outcome], match="no faces"):
        absent("media", "no faces")


def test_a_misspelt_thing_is_refused(monkeypatch):
    monkeypatch.setenv("PAINLAB_REQUIRE", "browsr")
    with pytest.raises(AssertionError, match="browsr"):
        required()
