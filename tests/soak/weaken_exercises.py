"""Changes each exercise's solution in one place at a time, and says which checks do not notice.

    python tests/soak/weaken_exercises.py 04_patches 12_frames

What a reader writes is wrong in small ways: a sign, an axis, a bound. A check that accepts such an
answer teaches it. Not every change makes an answer wrong (`<` and `<=` where nothing is equal), so
the list is to be read, and fails nothing. Status 1 only where a solution itself is refused.
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
sys.path.insert(0, str(ROOT / "tests" / "book"))

from exercises import Exercise, answered  # noqa: E402  (the path above leads to it)

MOST = 40  # changes of a solution
SECONDS = 120  # of one cell: a changed loop may never end
SWAPPED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
OTHER_NAMES = {
    "min": "max", "max": "min", "argmin": "argmax", "argmax": "argmin", "mean": "sum",
    "sum": "mean", "rows": "cols", "cols": "rows", "height": "width", "width": "height",
}  # fmt: skip


def changed(node: ast.AST) -> Iterator[str]:
    """Changes one node in place, in each way there is; what was done, while it is so."""
    if isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in SWAPPED:
        was, node.op = node.op, SWAPPED[type(node.op)]()
        yield type(was).__name__
        node.op = was
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
        was, node.ops = node.ops, [SWAPPED[type(node.ops[0])](), *node.ops[1:]]
        yield type(was[0]).__name__
        node.ops = was
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        was, node.op = node.op, ast.UAdd()
        yield "minus"
        node.op = was
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
        yield "bool"
        node.value = not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        was = node.value
        for node.value in (was + 1, 0) if was else (1,):
            yield f"{was} to {node.value}"
        node.value = was
    elif isinstance(node, ast.Attribute) and node.attr in OTHER_NAMES:
        was, node.attr = node.attr, OTHER_NAMES[node.attr]
        yield was
        node.attr = was
    elif isinstance(node, ast.Name) and node.id in OTHER_NAMES:
        was, node.id = node.id, OTHER_NAMES[node.id]
        yield was
        node.id = was


def mutants(solution: str) -> list[tuple[str, str]]:
    """What was changed, and the whole code with that one change."""
    tree = ast.parse(solution)
    found = []
    for node in ast.walk(tree):
        for what in changed(node):
            line = getattr(node, "lineno", 0)
            told = f"{what}, line {line}: {ast.unparse(node)[:70]}"
            found.append((told, ast.unparse(tree)))
    step = max(1, -(-len(found) // MOST))
    return found[::step]


def survivors(page: Path) -> tuple[list[str], list[str]]:
    """Changes that a check takes for right, and solutions that it refuses."""
    tried: dict[str, list[str]] = {}  # what was changed, by exercise

    def answers(exercise: Exercise, _starter: str) -> list[str]:
        changes = mutants(exercise.solution)
        tried[exercise.label] = [what for what, _ in changes]
        return [*(code for _, code in changes), exercise.solution]

    weak, refused = [], []
    for label, told in answered(page, answers, seconds=SECONDS, may_fail=True).items():
        *of_changes, of_solution = told
        for what, verdict in zip(tried[label], of_changes, strict=True):
            if verdict == "right":
                weak.append(f"{label}: {what}")
        if of_solution != "right":
            refused.append(label)
    print(f"{page.stem}: {sum(map(len, tried.values()))} changes of {len(tried)} solutions, "
          f"{len(weak)} not noticed", flush=True)  # fmt: skip
    return weak, refused


def main() -> int:
    """Show what no check notices; 1 if a solution is refused."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="as 05_attention; all chapters if none is given")
    names = parser.parse_args().names
    pages = [BOOK / f"{name}.md" for name in names] or sorted(BOOK.glob("[0-9][0-9]_*.md"))
    failed = False
    for page in pages:
        weak, refused = survivors(page)
        for line in weak:
            print(f"  {line}")
        for label in refused:
            print(f"  {label}: THE SOLUTION IS REFUSED")
        failed |= bool(refused)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
