"""What an answer costs: parameters, operations, milliseconds, each rival in the same words."""

import time
from collections.abc import Callable

import numpy as np

ROUNDS = 7


def tree_size(forest) -> tuple[int, float]:
    """Of a fitted random forest: the numbers that it keeps, and the comparisons of one answer.

    A fork keeps which descriptor it looks at and where it divides; a leaf keeps the chances of the
    classes. A clip goes down each tree once, with one comparison a fork: its way is as long as
    those of the training's clips on average.
    """
    kept, comparisons = 0, 0.0
    for tree in (one.tree_ for one in forest.estimators_):
        forks = tree.children_left >= 0
        kept += 2 * int(forks.sum()) + int((~forks).sum()) * tree.value.shape[-1]
        comparisons += float(tree.n_node_samples[forks].sum() / tree.n_node_samples[0])
    return kept, comparisons


def regression_flops(*, frames: int, dim: int, classes: int) -> int:
    """Operations of the mean over frames, standardising and a logistic regression.

    A regression between two classes has one row of weights.
    """
    rows = classes if classes > 2 else 1
    return frames * dim + 2 * dim + 2 * rows * dim


def milliseconds(work: Callable[[], object], *, rounds: int = ROUNDS) -> float:
    """Of one call: the middle of several, after one that warms up."""
    work()
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - begin))
    return float(np.median(taken))
