"""The data card says what the recorded oracle says, and so does the head model's asset."""

import json
from pathlib import Path

import pytest

from painlab.datasets.synthpain.wrinkles import WRINKLES
from painlab.datasets.tasks import TASKS

DATA = Path(__file__).resolve().parents[3] / "data"
CARD = (DATA / "synthpain.md").read_text(encoding="utf-8")
RESULT = json.loads((DATA / "results" / "synthpain_oracle.json").read_text(encoding="utf-8"))
FIGURES = RESULT["figures"]


def row(name: str, told: dict) -> str:
    cells = [f"{told['clips']:,}", *(f"{told[k]:.1%}" for k in ("oracle", "expressive", "quiet"))]
    return f"| {name} | {' | '.join(cells)} |"


@pytest.mark.parametrize("task", TASKS)
def test_the_card_s_table_is_the_recorded_oracle(task):
    assert row(task, FIGURES["oracle"][task]) in CARD


def test_the_card_s_last_row_is_the_oracle_without_pain():
    assert row("NP-P4 without the pain", FIGURES["distractors"]["NP-P4"]) in CARD


def test_the_recorded_set_is_the_one_that_the_card_describes():
    size = {name: RESULT["config"][name] for name in ("subjects", "per_level", "frames")}
    assert "{subjects} subjects × 5 levels × {per_level} clips of {frames}".format(**size) in CARD


def test_the_oracle_lies_in_the_ranges_of_the_card():
    scores = {task: told["oracle"] for task, told in FIGURES["oracle"].items()}
    for task, low, high in (("NP-P1", 60, 72), ("NP-P4", 85, 95), ("MC", 38, 55)):
        assert f"{low} to {high} %" in CARD
        assert low <= 100 * scores[task] <= high
    assert sorted(scores, key=scores.get)[1:] == ["NP-P1", "NP-P2", "NP-P3", "NP-P4"]
    blind = FIGURES["distractors"]["NP-P4"]
    assert blind["chance"][0] <= blind["oracle"] <= blind["chance"][1]


def test_the_card_counts_the_wrinkles():
    assert len(WRINKLES) == 6
    assert "six painted maps" in CARD
