"""Finds the exercises of a chapter and runs them blank, wrongly answered and solved."""

import ast
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]

_EXERCISE = re.compile(r"^[`:]{3,}\{exercise\}.*\n(?::\w+:.*\n)*?:label: *([\w-]+)", re.M)
_SOLUTION = re.compile(r"^([`:]{3,})\{solution\} *([\w-]+)\n(.*?)^\1$", re.M | re.DOTALL)
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.M | re.DOTALL)
_VERDICT = re.compile(r'data-verdict="(\w+)"')


@dataclass(frozen=True)
class Exercise:
    """Where an exercise's cells are among those of its chapter, and its solution."""

    label: str
    starter: int
    check: int
    solution: str


def exercises(cells) -> list[Exercise]:
    """The exercises of a chapter, in order; a part that is missing is an AssertionError."""
    found = []
    solutions = {
        label: body
        for cell in cells
        if cell.cell_type == "markdown"
        for _, label, body in _SOLUTION.findall(cell.source)
    }
    for number, cell in enumerate(cells):
        if cell.cell_type != "markdown":
            continue
        for label in _EXERCISE.findall(cell.source):
            starter = _next(cells, number, "exercise", label)
            check = _next(cells, starter, "check", label)
            assert label in solutions, f"{label} has no solution"
            code = _PYTHON.findall(solutions[label])
            assert len(code) == 1, f"the solution of {label} has {len(code)} blocks of python"
            found.append(Exercise(label, starter, check, code[0]))
    return found


def _next(cells, start: int, tag: str, label: str) -> int:
    for number in range(start + 1, len(cells)):
        if cells[number].cell_type == "code":
            tags = cells[number].metadata.get("tags", [])
            assert tag in tags, f"{label}: the next code cell should have the tag {tag}: {tags}"
            return number
    raise AssertionError(f"{label} is followed by no cell with the tag {tag}")


def wrong_answer(starter: str) -> str:
    """Code that fills in a starter cell, and wrongly: everything gives None or is a bare object."""
    lines = []
    for node in ast.parse(starter).body:
        if isinstance(node, ast.FunctionDef):
            lines.append(f"def {node.name}(*args, **kwargs):\n    return None\n")
        elif isinstance(node, ast.ClassDef):
            lines.append(
                f"class {node.name}:\n"
                "    def __init__(self, *args, **kwargs):\n        pass\n\n"
                "    def __call__(self, *args, **kwargs):\n        return None\n"
            )
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            lines += [f"{ast.unparse(target)} = object()\n" for target in targets]
        else:
            lines.append(ast.unparse(node) + "\n")
    return "\n".join(lines)


def answered(
    page: Path,
    answers: Callable[[Exercise, str], Sequence[str]],
    *,
    seconds: int = 600,
    may_fail: bool = False,
) -> dict[str, list[str]]:
    """What a chapter's checks say of answers, by exercise: "right", another verdict, or nothing.

    Args:
        page: the chapter. It runs as far as its last check, the answers in place of the starters.
        answers: those to an exercise, given it and its starter; each is checked, one after another,
            and the last is what the rest of the chapter sees.
        seconds: that one cell may take.
        may_fail: an answer or its check may raise or never end; such an answer has no verdict.
    """
    cells = jupytext.read(page, fmt="md:myst").cells
    found = exercises(cells)
    starters = {exercise.starter for exercise in found}
    by_check = {exercise.check: exercise for exercise in found}
    tags = ["raises-exception"] if may_fail else []
    run, asked = [], []
    for number, cell in enumerate(cells[: max(by_check, default=-1) + 1]):
        if cell.cell_type != "code" or number in starters:
            continue
        if number not in by_check:
            run.append(nbformat.v4.new_code_cell(cell.source))
            continue
        exercise = by_check[number]
        for answer in answers(exercise, cells[exercise.starter].source):
            pair = [
                nbformat.v4.new_code_cell(source, metadata={"tags": tags})
                for source in (answer, cell.source)
            ]
            run += pair
            asked.append((exercise.label, *pair))
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    env = {**os.environ, "PAINLAB_STATIC": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), *others])}
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=run), timeout=seconds, interrupt_on_timeout=may_fail,
        kernel_name="python3", resources={"metadata": {"path": str(page.parent)}},
    )  # fmt: skip
    client.execute(env=env)
    told: dict[str, list[str]] = {exercise.label: [] for exercise in found}
    for label, answer, check in asked:
        defined = not any(output.output_type == "error" for output in answer.outputs)
        pages = [o.data.get("text/html", "") for o in check.outputs if "data" in o]
        told[label].append(" ".join(_VERDICT.findall("".join(pages))) if defined else "")
    return told


def verdicts(page: Path) -> dict[str, list[str]]:
    """What each exercise's check says of the solution, a blank and a wrong answer.

    The solution comes first: it takes the starter's place, and may need nothing of what that did.
    """
    return answered(page, lambda exercise, starter: [
        exercise.solution, starter, wrong_answer(starter)
    ])  # fmt: skip
