"""Checks of the exercises: the reader runs one and is told right, not right, or not yet.

An answer that is still blank (``...``) or wrong never stops the notebook, so a page with open
exercises builds; what the check found is on the page and, for tests, in the output's HTML.
"""

import ast
import html
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

_COLOURS = {"right": "#009E73", "wrong": "#D55E00", "blank": "#56B4E9"}
_HEADS = {"right": "Right.", "wrong": "Not right.", "blank": "Not yet."}


def check(*answers: Any) -> Callable[[Callable[[], None]], None]:
    """Try an exercise's answers at once, and show the verdict.

    Use it as a decorator of a function that takes nothing and asserts what must hold, each
    assertion with a message that helps::

        @check(scaled_scores)
        def verdict():
            scores = scaled_scores(q, k)
            assert scores.shape == (4, 6), "one score for each query and each key: (4, 6)"

    Args:
        answers: what the reader was to fill in: functions, classes or values. As long as one of
            them holds a ``...`` that is no part of an index, the verdict is "not yet".

    Returns:
        A decorator that runs the function, shows the verdict and gives None.
    """

    def run(test: Callable[[], None]) -> None:
        if any(_is_blank(answer) for answer in answers):
            _show("blank", "Fill in the ... above, run that cell, then this one.")
            return
        try:
            test()
        except AssertionError as problem:
            _show("wrong", str(problem) or "The check failed without a message.")
        except Exception as problem:  # the reader's code may fail in any way
            _show("wrong", f"{type(problem).__name__}: {problem}")
        else:
            _show("right", "")

    return run


def _is_blank(answer: Any) -> bool:
    if answer is ...:
        return True
    if inspect.isclass(answer):  # a class's own source cannot be had from a notebook's cell
        return any(_is_blank(part) for part in vars(answer).values() if inspect.isfunction(part))
    if not inspect.isfunction(answer):
        return False
    tree = ast.parse(textwrap.dedent(inspect.getsource(answer)))
    in_an_index = {
        id(node)
        for subscript in ast.walk(tree)
        if isinstance(subscript, ast.Subscript)
        for node in ast.walk(subscript.slice)
    }
    return any(
        isinstance(node, ast.Constant) and node.value is ... and id(node) not in in_an_index
        for node in ast.walk(tree)
    )


def _show(verdict: str, detail: str) -> None:
    from IPython.display import display

    text = f"{_HEADS[verdict]} {detail}".strip()
    page = (
        f'<div class="pl-verdict" data-verdict="{verdict}" role="status" style="border-left:4px '
        f'solid {_COLOURS[verdict]};padding:.4em .8em;margin:.5em 0"><strong>{_HEADS[verdict]}'
        f"</strong> {html.escape(detail)}</div>"
    )
    display({"text/html": page, "text/plain": text}, raw=True)
