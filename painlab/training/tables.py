"""The paper's Tables II and III, and ours in the same form."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from painlab.datasets.tasks import TASKS
from painlab.training.metrics import METRICS
from painlab.training.results import LosoResult

#: Table II of the paper, in per cent, by task and metric, on BioVid.
PAPER_TABLE_II: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "NP-P1": {"accuracy": 65.95, "precision": 65.90, "recall": 67.85, "f1": 65.04},
        "NP-P2": {"accuracy": 66.87, "precision": 66.89, "recall": 68.34, "f1": 66.19},
        "NP-P3": {"accuracy": 69.22, "precision": 69.18, "recall": 70.84, "f1": 68.54},
        "NP-P4": {"accuracy": 73.28, "precision": 73.31, "recall": 74.75, "f1": 72.75},
        "MC": {"accuracy": 31.52, "precision": 31.48, "recall": 29.94, "f1": 27.82},
    }
)

#: Table III of the paper: accuracy in per cent by frames and task.
PAPER_TABLE_III: Mapping[int, Mapping[str, float]] = MappingProxyType(
    {
        138: dict(zip(TASKS, (65.95, 66.87, 69.22, 73.28, 31.52), strict=True)),
        69: dict(zip(TASKS, (65.76, 66.74, 69.15, 73.25, 31.29), strict=True)),
        46: dict(zip(TASKS, (65.66, 66.70, 68.50, 71.78, 31.20), strict=True)),
        35: dict(zip(TASKS, (65.40, 66.12, 68.32, 72.01, 30.80), strict=True)),
    }
)

#: Table IV of the paper: accuracy in per cent by study and task, where a study tried the task.
PAPER_TABLE_IV: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "Tavakolian and Hadid": {"NP-P4": 86.02},
        "Thiam et al.": {"NP-P4": 69.25},
        "Tavakolian et al.": {"NP-P4": 71.02},
        "Patania et al.": {"NP-P4": 73.20},
        "Huang et al.": {"NP-P4": 77.50, "MC": 34.30},
        "Xin et al.": {"NP-P4": 86.65, "MC": 40.40},
        "Zhi and Wan": dict(zip(TASKS, (56.50, 57.10, 59.60, 61.70, 29.70), strict=True)),
        "Werner et al.": dict(zip(TASKS, (53.30, 56.00, 64.00, 72.40, 30.80), strict=True)),
        "the paper": dict(zip(TASKS, (65.95, 66.87, 69.22, 73.28, 31.52), strict=True)),
    }
)

SHORT = {"accuracy": "Acc.", "precision": "Pre.", "recall": "Rec.", "f1": "F1"}


def table_ii(
    results: Sequence[LosoResult], *, oracle: Mapping[str, float] | None = None
) -> list[list[str]]:
    """Table II in the paper's form: a row a metric, a column a task, in per cent.

    Below ours stand the 95 % interval of the accuracy, chance, what the oracle reaches on SynthPain
    where it is given, and the paper's figures on BioVid. They are of other data: near each other
    they say something of the setting, and nothing of who is better.

    Args:
        results: of as many tasks as there are.
        oracle: accuracy by task, as a fraction.

    Returns:
        Rows of cells, the head first.
    """
    by_task = {result.task: result for result in results}
    tasks = [name for name in TASKS if name in by_task]
    tasks += [name for name in by_task if name not in TASKS]
    scores = {name: by_task[name].metrics() for name in tasks}
    rows = [["%", *tasks]]
    rows += [[SHORT[m], *(f"{100 * scores[t][m]:.2f}" for t in tasks)] for m in METRICS]
    sure = ["95 % of Acc."]
    for task in tasks:
        if len(set(by_task[task].subjects)) < 2:
            sure.append("")
            continue
        low, high = by_task[task].intervals()["accuracy"]
        sure.append(f"{100 * low:.1f} to {100 * high:.1f}")
    rows += [sure, ["chance", *(f"{100 * by_task[t].chance():.2f}" for t in tasks)]]
    if oracle:
        rows.append(
            ["oracle, Acc.", *(f"{100 * oracle[t]:.2f}" if t in oracle else "" for t in tasks)]
        )
    for metric in METRICS:
        told = [PAPER_TABLE_II.get(task, {}).get(metric) for task in tasks]
        cells = ("" if value is None else f"{value:.2f}" for value in told)
        rows.append([f"paper, {SHORT[metric]}", *cells])
    return rows


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as lines of plain text, the first column to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a table of Markdown, the first row its head."""
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    line = "|" + " --- |" + " ---: |" * (len(rows[0]) - 1)
    return "\n".join([head, line, *body])
