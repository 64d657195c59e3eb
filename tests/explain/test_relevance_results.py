"""The recorded grades of relevance maps: of the weights that are here, whole, and consistent."""

from pathlib import Path

import pytest

import painlab as pl
from painlab.explain.strength import LEVELS
from painlab.figures.results import read_result
from painlab.framework import model_digest

RESULT = Path(__file__).resolve().parents[2] / "data" / "results" / "relevance.json"
OTHERS = ("untrained", "mean map", "truth")


@pytest.fixture(scope="module")
def result():
    return read_result(RESULT)


def test_they_are_of_the_weights_that_come_with_painlab(result):
    """Whoever trains these anew must grade anew."""
    assert result["config"]["spatial"] == model_digest(pl.tnt_of_pain())
    assert result["config"]["temporal"] == model_digest(pl.framework_of_pain())


def test_every_method_has_every_grade(result):
    figures = result["figures"]
    assert set(figures["methods"]) == {*pl.explain.METHODS, *OTHERS}
    assert set(figures["time"]["methods"]) == set(pl.explain.METHODS)
    same = {frozenset(own) - {"randomisation"} for own in figures["methods"].values()}
    assert len(same) == 1
    for method in pl.explain.METHODS:
        assert "randomisation" in figures["methods"][method]
    assert set(figures["by strength"]) == {str(level) for level in LEVELS}


def every_figure(part):
    if isinstance(part, dict) and set(part) == {"value", "interval"}:
        yield part
    elif isinstance(part, dict):
        for inner in part.values():
            yield from every_figure(inner)


def test_every_figure_lies_within_its_interval(result):
    """But for a few: percentiles of a bootstrap need not hold the figure itself."""
    found = list(every_figure(result["figures"]))
    outside = [f for f in found if not f["interval"][0] <= f["value"] <= f["interval"][1]]
    assert len(found) > 200
    assert len(outside) < len(found) / 50


def test_ratios_are_those_of_the_shares(result):
    methods, against = result["figures"]["methods"], result["figures"]["chefer against"]
    own = methods["chefer"]["moved share"]["value"]
    for name, other in methods.items():
        share = other["moved share"]["value"] / other["moved by chance"]["value"]
        assert other["moved share, times chance"]["value"] == pytest.approx(share)
        if name != "chefer":
            told = against[name]["moved share, times"]["value"]
            assert told == pytest.approx(own / other["moved share"]["value"])


def test_what_must_be_so_is_so(result):
    methods = result["figures"]["methods"]
    random = methods["random"]
    assert random["randomisation"]["value"] == pytest.approx(1)  # it looks at no weights
    low, high = random["moved share, times chance"]["interval"]
    assert 0.95 < low <= high < 1.05
    assert methods["truth"]["pointing"]["value"] == 1
    best = result["figures"]["by strength"]["2"]["times chance"]["truth"]["value"]
    assert all(m["moved share, times chance"]["value"] <= best * 1.02 for m in methods.values())
    for own in methods.values():
        for name, figure in own.items():
            if name.startswith(("deletion", "insertion")):
                assert 0 < figure["value"] < 1
