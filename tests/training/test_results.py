"""What a LOSO run found: counted by hand, written, read, compared, and set beside the paper."""

import json

import numpy as np
import pytest

from painlab.errors import DataError, ShapeError
from painlab.training.results import LosoResult, difference
from painlab.training.tables import PAPER_TABLE_II, PAPER_TABLE_III, as_markdown, as_text, table_ii


def found(true, said, subjects, *, task="NP-P4", classes=2, missing=()):
    logits = np.full((len(true), classes), -1.5)
    logits[np.arange(len(said)), said] = 2.25
    names = tuple(f"clip{i}" for i in range(len(true)))
    return LosoResult(
        task, tuple(subjects), names, np.array(true), logits, tuple(missing), {"seconds": 1.5}
    )


@pytest.fixture
def result():
    """By hand: 3 of 4 clips of class 0 right, 2 of 4 of class 1; Anna 3 of 4, Ben 2 of 4."""
    return found([0, 0, 1, 1] * 2, [0, 0, 1, 0, 0, 1, 1, 0], ["Anna"] * 4 + ["Ben"] * 4)


def test_counted_by_hand(result):
    assert result.confusion().tolist() == [[3, 1], [2, 2]]
    assert result.metrics() == pytest.approx(
        {"accuracy": 5 / 8, "precision": (3 / 5 + 2 / 3) / 2, "recall": (3 / 4 + 2 / 4) / 2,
         "f1": (6 / 9 + 4 / 7) / 2}
    )  # fmt: skip
    assert result.by_subject() == {"Anna": 0.75, "Ben": 0.5}
    assert result.chance() == 0.5
    assert result.intervals()["accuracy"] == (0.5, 0.75)
    assert repr(result) == "LosoResult(NP-P4: 62.50 % of 8 clips, 2 subjects)"


def test_a_report(result):
    lines = result.report().splitlines()
    assert lines[0] == "NP-P4: 8 clips of 2 subjects, each left out once"
    assert lines[1].split() == ["accuracy", "62.50", "%", "[50.00,", "75.00]"]
    table = [line.split() for line in lines if line.startswith(("  NP ", "  P4 ", "  true"))]
    assert table == [["true", "\\", "said", "NP", "P4"], ["NP", "3", "1"], ["P4", "2", "2"]]
    assert "  fewest right: Ben 50 %, Anna 75 %" in lines
    assert "not trained" not in result.report()


def test_a_report_of_one_subject_has_no_interval():
    report = found([0, 1], [0, 0], ["Anna"] * 2, missing=["Ben"]).report()
    assert report.splitlines()[0] == "NP-P4: 2 clips of 1 subject, each left out once"
    assert "[" not in report
    assert report.endswith("not trained: Ben")


def test_written_and_read(result, tmp_path):
    path = result.save(tmp_path / "new" / "result.json")
    again = LosoResult.load(path)
    for name in ("task", "subjects", "sample_names", "missing", "about"):
        assert getattr(again, name) == getattr(result, name), name
    assert np.array_equal(again.true, result.true)
    assert np.array_equal(again.logits, result.logits)
    assert again.report() == result.report()
    assert [p.name for p in path.parent.iterdir()] == ["result.json"]


@pytest.mark.parametrize("what", ["nothing", "text", "[]", "{}", "ragged", "short"])
def test_what_cannot_be_read_is_told(result, tmp_path, what):
    path = tmp_path / "result.json"
    if what in ("ragged", "short"):
        result.save(path)
        told = json.loads(path.read_text())
        if what == "ragged":
            told["logits"][2] = [1.0]
        if what == "short":
            told["subjects"] = told["subjects"][:-1]
        path.write_text(json.dumps(told))
    elif what != "nothing":
        path.write_text(what)
    with pytest.raises(DataError, match=f"{path}: no result of a LOSO run") as caught:
        LosoResult.load(path)
    assert "\n" not in str(caught.value)


def test_a_paired_difference(result):
    better = found(result.true, result.true, result.subjects)
    gain, (low, high) = difference(better, result)
    assert gain == 3 / 8
    assert (low, high) == (0.25, 0.5)  # Anna alone, Ben alone
    assert difference(result, better)[0] == -3 / 8
    assert difference(result, result) == (0.0, (0.0, 0.0))
    assert difference(better, result, metric="f1")[0] == pytest.approx(1 - result.metrics()["f1"])


def test_a_difference_is_of_the_same_people_and_a_known_metric(result):
    other = found([0, 1], [0, 1], ["Anna", "Cem"], task="NP-P1")
    with pytest.raises(DataError, match="NP-P4 and NP-P1 were tested on different people"):
        difference(result, other)
    with pytest.raises(DataError, match="no metric 'acc': choose from accuracy"):
        difference(result, result, metric="acc")
    one = found([0, 1], [0, 1], ["Anna"] * 2)
    with pytest.raises(ShapeError, match="all clips are of Anna"):
        difference(one, one)


def test_table_ii_by_hand(result):
    levels = found(
        [0, 1, 2, 3, 4] * 2, [0, 1, 2, 3, 3, 0, 0, 0, 0, 0], ["Anna"] * 5 + ["Ben"] * 5,
        task="MC", classes=5,
    )  # fmt: skip
    rows = table_ii([levels, result], oracle={"NP-P4": 0.875})
    assert rows == [
        ["%", "NP-P4", "MC"],
        ["Acc.", "62.50", "50.00"],
        # of 6 said to be class 0 are 2, of classes 1 and 2 all, of two of class 3 one
        ["Pre.", "63.33", f"{100 * (2 / 6 + 1 + 1 + 1 / 2) / 5:.2f}"],
        ["Rec.", "62.50", f"{100 * (1 + 3 / 2) / 5:.2f}"],
        ["F1", "61.90", f"{100 * (4 / 8 + 2 / 3 + 2 / 3 + 2 / 4) / 5:.2f}"],
        ["95 % of Acc.", "50.0 to 75.0", "20.0 to 80.0"],
        ["chance", "50.00", "20.00"],
        ["oracle, Acc.", "87.50", ""],
        ["paper, Acc.", "73.28", "31.52"],
        ["paper, Pre.", "73.31", "31.48"],
        ["paper, Rec.", "74.75", "29.94"],
        ["paper, F1", "72.75", "27.82"],
    ]


def test_table_ii_of_a_task_of_your_own_and_of_one_person():
    rows = table_ii([found([0, 1], [0, 1], ["Anna"] * 2, task="mine")])
    assert rows[0] == ["%", "mine"]
    assert rows[5] == ["95 % of Acc.", ""]
    assert rows[7] == ["paper, Acc.", ""]
    assert len(rows) == 11


def test_the_papers_numbers_agree_with_each_other():
    """Table III's first row is Table II's accuracy; the ledger's means of its rows."""
    for task, scores in PAPER_TABLE_II.items():
        assert PAPER_TABLE_III[138][task] == scores["accuracy"]
    means = {frames: np.mean(list(row.values())) for frames, row in PAPER_TABLE_III.items()}
    assert means[138] == pytest.approx(61.37, abs=0.005)
    assert means[35] == pytest.approx(60.53, abs=0.005)


def test_tables_as_text_and_markdown():
    rows = [["%", "NP-P4"], ["Acc.", "7.00"]]
    assert as_text(rows) == "%     NP-P4\nAcc.   7.00"
    assert as_markdown(rows) == "| % | NP-P4 |\n| --- | ---: |\n| Acc. | 7.00 |"
