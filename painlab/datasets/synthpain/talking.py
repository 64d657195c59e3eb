"""Talking: a word or a sentence as a run of syllables, each with a mouth shape of its own."""

import numpy as np

from painlab.datasets.synthpain.actions import ACTIONS, weights_of
from painlab.datasets.synthpain.curves import SECONDS, bump, mix
from painlab.typing import Float

# what the mouth does at a syllable; open vowels, rounded ones, spread ones, closed lips, teeth
SHAPES = np.stack(
    [
        weights_of({"jawOpen": 0.42, "mouthLowerDown": 0.25, "mouthUpperUp": 0.16}),
        weights_of({"jawOpen": 0.28, "mouthLowerDown": 0.30, "mouthStretch": 0.16}),
        weights_of({"jawOpen": 0.20, "mouthFunnel": 0.55, "mouthPucker": 0.25}),
        weights_of({"jawOpen": 0.12, "mouthPucker": 0.65}),
        weights_of({"jawOpen": 0.14, "mouthSmile": 0.20, "mouthStretch": 0.28}),
        weights_of({"mouthPress": 0.45, "mouthRollLower": 0.25, "mouthRollUpper": 0.15}),
        weights_of({"jawOpen": 0.08, "mouthUpperUp": 0.22, "mouthShrugLower": 0.2}),
        weights_of({"jawOpen": 0.16, "jawForward": 0.15, "mouthLowerDown": 0.35}),
    ]
)


def talk(
    times: Float[np.ndarray, "k"], rng: np.random.Generator
) -> Float[np.ndarray, f"k {len(ACTIONS)}"]:
    """A stretch of speech of two to twelve syllables at 3.5 to 6 a second, strong to mumbled.

    It may have begun before the clip and may outlast it.
    """
    count = int(rng.integers(2, 13))
    pace = 1.0 / rng.uniform(3.5, 6.0)
    gaps = pace * np.exp(rng.normal(0.0, 0.2, count))
    starts = rng.uniform(-0.8, SECONDS - 0.5) + np.cumsum(gaps)
    strength = rng.uniform(0.45, 1.1) * rng.uniform(0.6, 1.0, count)
    shapes = SHAPES[rng.integers(0, len(SHAPES), count)] * strength[:, None]  # (syllables actions)
    # neighbours overlap by half, as one mouth shape runs into the next
    return mix(bump(times, starts - 0.3 * gaps, 0.8 * gaps, 0.0, 0.8 * gaps), shapes)
