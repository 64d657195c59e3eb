"""What is told of many pictures: a mean or a ratio of means, and its interval over people."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from painlab.errors import DataError
from painlab.training.resampling import draw_people, interval
from painlab.typing import Float


class Figure(NamedTuple):
    """A figure and where 95 % of it lies when people are drawn anew."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def mean_over_people(
    grades: Float[np.ndarray, "b"],
    people: Sequence[str],
    *,
    against: Float[np.ndarray, "b"] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Figure:
    """The mean of grades, or its ratio to the mean of others', with a bootstrap over people.

    For a ratio the same people are drawn above and below: the paired bootstrap. The mean of a
    difference is that of ``a - b``, which pairs by itself.

    Args:
        grades: of each picture.
        people: whose picture it is.
        against: other grades of the same pictures, whose mean is divided by.
        resamples: how often people are drawn with replacement.
        seed: of the drawing.

    Raises:
        DataError: for other numbers of people than of grades, a single person, or a ratio to 0.

    Example:
        >>> mean_over_people(np.array([2.0, 4.0]), ["a", "b"], against=np.array([1.0, 2.0]))
        Figure(value=2.0, low=2.0, high=2.0)
    """
    against = np.ones(len(grades)) if against is None else against
    names, row = np.unique(np.asarray(people), return_inverse=True)
    if not len(row) == len(grades) == len(against) or len(names) < 2:
        raise DataError(
            f"{len(grades)} grades, {len(against)} to hold against them and {len(row)} pictures of "
            f"{len(names)} people: an interval takes one of each for a picture, and two people."
        )
    above = np.bincount(row, weights=grades)
    below = np.bincount(row, weights=against)
    rng = np.random.default_rng(seed)
    drawn = np.stack([draw_people(len(names), rng) for _ in range(resamples)])  # draws people
    if not (drawn @ below).all():
        raise DataError("what a mean is to be held against is 0 for some or all people.")
    ratios = (drawn @ above) / (drawn @ below)
    return Figure(float(above.sum() / below.sum()), *interval(ratios))
