"""The texture's layout: which place on the mean head each texel shows, and noise to paint with.

The atlas is 1024 wide and 512 high (data/make_head_model.py lays it out). Its left half is skin,
its right half has the same places for hair, and the small parts below.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from painlab.datasets.synthpain.head import load_head
from painlab.typing import Bool, Float

HEIGHT, WIDTH = 512, 1024
CENTRE = np.array([0.0, -8.0, 84.0])  # of the skull on the mean head


@dataclass(frozen=True)
class Atlas:
    """What the texels of one half show, on the mean head."""

    places: Float[np.ndarray, "height width xyz"]  # millimetres
    filled: Bool[np.ndarray, "height width"]  # texels in a triangle, not only near one
    lips: Float[np.ndarray, "height width"]
    eyelids: Float[np.ndarray, "height width"]
    ears: Float[np.ndarray, "height width"]


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """Made once a process, in about a second."""
    head = load_head()
    mean = head.mean()
    skin = np.flatnonzero(head.of("skin"))
    places = np.zeros((HEIGHT, HEIGHT, 3), np.float32)
    filled = np.zeros((HEIGHT, HEIGHT), bool)
    for t in skin:
        corners = head.uv[t] * (WIDTH, HEIGHT)
        low = np.floor(corners.min(0) - 0.5).astype(int)
        high = np.ceil(corners.max(0) + 0.5).astype(int)
        x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
        weights = _barycentric(np.stack([x + 0.5, y + 0.5], -1), corners)
        inside = (weights >= -0.02).all(-1)
        x, y, weights = x[inside], y[inside], weights[inside]
        fits = (x >= 0) & (x < HEIGHT) & (y >= 0) & (y < HEIGHT)
        places[y[fits], x[fits]] = weights[fits] @ mean[head.triangles[t]]
        filled[y[fits], x[fits]] = True
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    nearest = distance_transform_edt(~filled, return_distances=False, return_indices=True)
    masks = dict(zip(head.names["regions"], head.regions.astype(np.float32) / 255, strict=True))
    soft = {name: gaussian_filter(mask, 1.0) for name, mask in masks.items()}
    return Atlas(places=places[tuple(nearest)], filled=filled, **soft)


def _barycentric(points, corners):
    (ax, ay), (bx, by), (cx, cy) = corners
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if abs(area) < 1e-9:
        return np.full((*points.shape[:-1], 3), -1.0)
    x, y = points[..., 0], points[..., 1]
    b = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
    c = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
    return np.stack([1 - b - c, b, c], -1)


def noise(
    places: Float[np.ndarray, "... axes"], *, cell: float | int, rng: np.random.Generator
) -> Float[np.ndarray, "..."]:
    """Smooth random values, about normal, one lattice point every `cell` millimetres."""
    table = rng.normal(size=4096).astype(np.float32)
    axes = places.shape[-1]
    hashes, shares = [], []
    for axis, prime in zip(range(axes), (1103, 2011, 3917), strict=False):
        at = places[..., axis] / cell
        corner = np.floor(at)
        share = (at - corner).astype(np.float32)
        shares.append(share * share * (3 - 2 * share))
        corner = corner.astype(np.int32) * prime
        hashes.append((corner, corner + prime))
    values = [
        table[sum(hashes[axis][which >> axis & 1] for axis in range(axes)) & 4095]
        for which in range(2**axes)
    ]
    for share in shares:  # axis by axis, two neighbours at a time
        values = [low + share * (high - low) for low, high in zip(*[iter(values)] * 2, strict=True)]
    return values[0]


def smooth(low, high, value):
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def around(places, point, radius: float | int) -> Float[np.ndarray, "height width"]:
    """A soft spot: 1 at the point, falling off with the radius (one standard deviation)."""
    return np.exp(-0.5 * ((places - point) ** 2).sum(-1) / radius**2)


def along(places, line: Float[np.ndarray, "points axes"], *, reach: float = 60.0):
    """Distance of each place to a line of points, and where on it (0 to 1) the nearest point is.

    Places further off than `reach` in any direction are given an infinite distance.
    """
    axes = line.shape[1]
    distances = np.full(places.shape[:-1], np.inf)
    nearest = np.zeros(places.shape[:-1])
    flat = places[..., :axes]
    close = ((flat > line.min(0) - reach) & (flat < line.max(0) + reach)).all(-1)
    flat = flat[close]  # (texels axes)
    best, where = distances[close], nearest[close]
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    walked = np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
    for i, (start, stop) in enumerate(pairwise(line)):
        step = stop - start
        share = np.clip(((flat - start) @ step) / (step @ step), 0, 1)
        distance = np.linalg.norm(flat - start - share[:, None] * step, axis=-1)
        nearer = distance < best
        best = np.where(nearer, distance, best)
        where = np.where(nearer, walked[i] + share * (walked[i + 1] - walked[i]), where)
    distances[close], nearest[close] = best, where
    return distances, nearest
