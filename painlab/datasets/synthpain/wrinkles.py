"""Furrows that facial actions fold into the skin, as maps that darken the texture."""

from typing import NamedTuple

import numpy as np

from painlab.datasets.synthpain.actions import columns
from painlab.datasets.synthpain.atlas import along, noise
from painlab.typing import Float


class Wrinkle(NamedTuple):
    """One group of furrows: which actions fold it, how dark, and how much stays with age."""

    folded_by: dict[str, float]
    strength: float
    stays: float


WRINKLES = {
    "glabella": Wrinkle({"browDown": 1.0, "noseSneer": 0.3}, 0.62, 0.35),
    "forehead": Wrinkle({"browInnerUp": 0.8, "browOuterUp": 0.7}, 0.42, 0.40),
    "crow's feet": Wrinkle({"cheekSquint": 0.6, "eyeSquint": 0.5, "eyeBlink": 0.12}, 0.46, 0.38),
    "nose": Wrinkle({"noseSneer": 1.0}, 0.5, 0.05),
    "nasolabial": Wrinkle(
        {"mouthUpperUp": 0.6, "noseSneer": 0.5, "mouthSmile": 0.8, "mouthStretch": 0.3}, 0.5, 0.5
    ),
    "mouth corner": Wrinkle(
        {"mouthStretch": 0.8, "mouthFrown": 0.8, "mouthSmile": 0.5, "mouthDimple": 0.6}, 0.4, 0.3
    ),
}


def wrinkle_weights(
    actions: Float[np.ndarray, "k actions"], age: int
) -> Float[np.ndarray, "k wrinkles"]:
    """How deep each group is folded. Old skin folds deeper than young."""
    depth = np.interp(age, [18, 35, 65], [0.55, 0.8, 1.15])
    weights = np.zeros((len(actions), len(WRINKLES)), np.float32)
    for i, wrinkle in enumerate(WRINKLES.values()):
        for name, share in wrinkle.folded_by.items():
            # the halves' mean, term by term: a sum's rounding may depend on its length
            halves = [actions[:, column] for column in columns(name)]
            weights[:, i] += share * sum(halves[1:], start=halves[0]) / len(halves)
    return np.clip(weights, 0.0, 1.3) * np.float32(depth)


def wrinkle_maps(places, person, rng) -> Float[np.ndarray, "height width wrinkles"]:
    """Where each group lies, 0 to its strength."""
    lines = {name: _lines(name, rng) for name in WRINKLES}
    front = places[..., 2] < 62
    places = places[front]  # (texels xyz)
    wavy = 1.1 * noise(places, cell=6, rng=rng)
    maps = np.zeros((*front.shape, len(WRINKLES)), np.float32)
    for i, (name, wrinkle) in enumerate(WRINKLES.items()):
        total = np.zeros(len(places))
        for line, width in lines[name]:
            for side in (-1, 1) if abs(line[:, 0]).min() > 0 else (1,):
                distance, where = along(places, line * [side, 1], reach=12.0)
                fade = np.sin(np.pi * np.clip(0.1 + 0.8 * where, 0, 1))
                sharp = np.exp(-0.5 * ((distance + 0.4 * wavy) / width) ** 2)
                broad = np.exp(-0.5 * (distance / (3.2 * width)) ** 2)
                total = np.maximum(total, fade * (0.72 * sharp + 0.28 * broad))
        maps[front, i] = wrinkle.strength * total
    return maps


def _lines(name: str, rng: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Lines in x, y on the mean head's right half of the picture, mirrored where off the middle."""

    def shaken(points):
        return np.array(points, float) + rng.normal(0, 0.7, (len(points), 2))

    if name == "glabella":
        return [
            (shaken([[6, -30], [7.5, -20], [7, -9], [5, -3]]), 1.5),
            (shaken([[12, -24], [13, -17], [12, -11]]), 1.1),
        ]
    if name == "forehead":
        rows = []
        for height in (-36, -44, -52, -59)[: rng.integers(3, 5)]:
            bend = rng.uniform(2, 5)
            xs = np.array([-40, -20, 0, 20, 40])
            line = np.stack([xs, height + bend * (np.abs(xs) / 40) ** 2 * -1 + bend * 0.5], 1)
            rows.append((line + rng.normal(0, 0.8, line.shape), 1.2))
        return rows
    if name == "crow's feet":
        return [
            (shaken([[46, -3], [52, -8], [58, -12]]), 0.9),
            (shaken([[47, 0], [54, 0], [61, -1]]), 0.9),
            (shaken([[46, 4], [52, 8], [58, 13]]), 0.9),
            (shaken([[18, 8], [28, 12], [40, 9]]), 1.2),
            (shaken([[16, 11], [24, 17], [34, 17]]), 1.1),
        ]
    if name == "nose":
        return [
            (shaken([[-8, -1], [-3, 1], [3, 1], [8, -1]]), 1.1),
            (shaken([[-8, 5], [-3, 7], [3, 7], [8, 5]]), 1.0),
            (shaken([[7, 12], [11, 18], [13, 24]]), 1.1),
        ]
    if name == "nasolabial":
        return [(shaken([[16, 36], [22, 44], [27, 54], [30, 64], [30, 72]]), 1.9)]
    return [
        (shaken([[28, 62], [31, 68], [30, 76]]), 1.3),
        (shaken([[34, 58], [38, 66], [37, 78]]), 1.5),
    ]
