"""How sure is a score? A bootstrap over people.

What one person does is alike from clip to clip, so that clips are not independent of each other and
people are: people are drawn with replacement, and all that belongs to a person comes along.
"""

import numpy as np

from painlab.typing import Float

INTERVAL = (0.025, 0.975)


def draw_people(people: int, rng: np.random.Generator) -> Float[np.ndarray, "i"]:
    """How often each of so many people is drawn, when as many are drawn with replacement."""
    return np.bincount(rng.integers(people, size=people), minlength=people).astype(float)


def interval(draws: Float[np.ndarray, "draws"]) -> tuple[float, float]:
    """Where 95 % of what was drawn lies."""
    low, high = np.quantile(draws, INTERVAL)
    return float(low), float(high)
