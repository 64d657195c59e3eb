"""Hair: a shell over the scalp, a curtain that hangs from it, and their strands.

A shell is a copy of the scalp's triangles moved outwards; its texture cuts a ragged edge at the
hairline. Bobs and long hair add a sheet around the back and the sides.
"""

from typing import NamedTuple

import numpy as np

from painlab.datasets.synthpain.atlas import CENTRE, HEIGHT, WIDTH, load_atlas, noise, smooth
from painlab.datasets.synthpain.head import load_head
from painlab.datasets.synthpain.people import Person
from painlab.typing import Float, Int

# the curtain's strip in the right half of the atlas, where the face would be
STRIP = (660, 232, 872, 388)  # left, top, right, bottom in texels
COLUMNS, ROWS = 44, 14


class HairMesh(NamedTuple):
    """Vertices that follow the skin's, vertices of their own, and triangles over all of them."""

    source: Int[np.ndarray, "shell"]  # the skin's vertex under each of the shell's
    offset: Float[np.ndarray, "shell xyz"]
    curtain: Float[np.ndarray, "curtain xyz"]
    triangles: Int[np.ndarray, "tri 3"]  # counted from the first of the skin's vertices
    uv: Float[np.ndarray, "tri 3 2"]
    occlusion: Float[np.ndarray, "hair"]


def scalp_depth(places, person: Person, ears=0.0):
    """Millimetres inside the hairline; negative on the face, below the nape, and on the ears."""
    x, y, z = np.moveaxis(np.asarray(places, np.float64), -1, 0)
    turn = np.degrees(np.arctan2(np.abs(x), CENTRE[2] - z))  # 0 in front, 180 behind
    front = -65 - person.hairline + 30 * person.fringe
    recess = -58 if person.female else -72 - 2.2 * person.hairline  # corners, where it recedes
    recess += 30 * person.fringe
    side = 10 if not person.female else -4
    line = np.interp(
        turn,
        [0, 16, 34, 48, 60, 72, 82, 92, 104, 118, 150, 180],
        [front, front, recess, -56 + 12 * person.fringe, -40, -16, side, -16, -6, 44, 62, 64],
    )
    return np.where(np.asarray(ears) > 0.35, -20.0, line - y)


def grow_hair(person: Person, neutral, normals) -> HairMesh | None:
    """The shell and the curtain on a person's head at rest, or None for the bald and the shorn."""
    if person.hair_style in ("bald", "buzz"):
        return None
    head = load_head()
    mean = head.mean()
    skin = np.flatnonzero(head.of("skin"))
    depth = scalp_depth(mean, person, _at_ears(head))
    depth[mean[:, 1] > 120] = -50
    kept = skin[(depth[head.triangles[skin]] > -9).all(1)]
    source = np.unique(head.triangles[kept])
    rise = smooth(-4, 34, depth[source])
    lump = noise(mean[source].astype(float), cell=34, rng=np.random.default_rng(person.age))
    up = smooth(40, -90, mean[source, 1])  # fuller on top than at the nape
    thickness = person.hair_thickness * (0.55 + 0.6 * up) * (1 + 0.14 * lump)
    offset = normals[source] * (0.7 + rise * thickness)[:, None]
    start = len(neutral)
    triangles = np.searchsorted(source, head.triangles[kept]) + start
    uv = head.uv[kept] + [0.5, 0.0]
    curtain, more, more_uv = _curtain(person, neutral, start + len(source))
    return HairMesh(
        source=source,
        offset=offset.astype(np.float32),
        curtain=curtain,
        triangles=np.concatenate([triangles, more]).astype(np.int32),
        uv=np.concatenate([uv, more_uv]).astype(np.float32),
        occlusion=np.concatenate([0.5 + 0.5 * rise, np.full(len(curtain), 0.72)]).astype(
            np.float32
        ),
    )


def _at_ears(head):
    """The ears' mask at each vertex."""
    mask = load_atlas().ears
    texel = np.clip((head.uv * (WIDTH, HEIGHT)).astype(int), 0, HEIGHT - 1)
    at_vertex = np.zeros(len(head.base))
    skin = head.of("skin")
    np.maximum.at(at_vertex, head.triangles[skin], mask[texel[skin, :, 1], texel[skin, :, 0]])
    return at_vertex


def _curtain(person, neutral, start):
    """A sheet around the back and sides, from under the shell down to the hair's length."""
    length = {"bob": 92, "long": 190}.get(person.hair_style)
    if length is None:
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), int), np.zeros((0, 3, 2))
    skull = neutral[neutral[:, 1] < 10]
    half_width = np.abs(skull[:, 0]).max() + 3
    back, front = skull[:, 2].max(), skull[:, 2].min()
    middle, half_depth = (back + front) / 2 + 8, (back - front) / 2
    turn = np.linspace(72, 288, COLUMNS)
    down = np.linspace(0, 1, ROWS)
    turn, down = (grid.ravel() for grid in np.meshgrid(np.deg2rad(turn), down))
    y = -58 + down * (length + 58)
    tuck = smooth(-58, -10, y)
    flare = 1 + 0.06 * np.sin(turn * 9 + person.parting * 3) * down
    hang = 1 - 0.16 * smooth(60, 200, y) * np.abs(np.cos(turn))
    radius = (0.86 + 0.14 * tuck) * flare * hang
    x = (half_width + 0.45 * person.hair_thickness) * np.sin(turn) * radius
    z = middle - (half_depth + 0.3 * person.hair_thickness) * np.cos(turn) * radius
    points = np.stack([x, y, z], 1).astype(np.float32)
    cell = (np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS - 1)).ravel()
    quads = np.stack([cell, cell + 1, cell + COLUMNS + 1, cell + COLUMNS], 1)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    share = np.stack([np.tile(np.linspace(0, 1, COLUMNS), ROWS), down], 1)
    left, top, right, bottom = STRIP
    uv = (np.array([left, top]) + share * [right - left, bottom - top]) / (WIDTH, HEIGHT)
    return points, triangles + start, uv[triangles]


def paint_hair(person: Person, rng: np.random.Generator, channels: int):
    """The right half of the texture: strands, and where the hair ends."""
    atlas = load_atlas()
    places = atlas.places.astype(np.float64)
    # strands run away from where they part: along meridians of an axis through that place
    axis = np.array([0.55 * person.parting, -1.0, -0.35 if person.fringe else 0.15])
    axis /= np.linalg.norm(axis)
    across = np.cross(axis, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    other = np.cross(axis, across)
    ray = places - CENTRE
    angle = np.arctan2(ray @ other, ray @ across)
    height = ray @ axis
    wander = 0.05 * noise(places, cell=30, rng=rng)
    shade = _strands(angle + wander, height, rng)
    layers = np.zeros((HEIGHT, HEIGHT, channels), np.float32)
    layers[..., :3] = person.hair * shade[..., None]
    layers[..., 3] = 0.1 + 0.1 * (person.hair_style != "short")
    depth = scalp_depth(places, person, 0.0)
    ragged = noise(np.stack([angle * 60, height * 0.12], -1), cell=1.2, rng=rng)
    ragged = 4.5 * ragged + 3.5 * noise(places, cell=9, rng=rng)
    layers[..., 4] = 0.5 + 0.2 * (depth - 3 + ragged)
    left, top, right, bottom = STRIP
    rows, cols = np.mgrid[0 : bottom - top, 0 : right - left]
    share = np.stack([cols / (right - left), rows / (bottom - top)], -1)
    fall = _strands(
        share[..., 0] * 4.2 + 0.02 * np.sin(share[..., 1] * 7), share[..., 1] * 150, rng
    )
    at = (slice(top, bottom), slice(left - HEIGHT, right - HEIGHT))
    layers[(*at, slice(0, 3))] = person.hair * fall[..., None]
    tips = noise(np.stack([share[..., 0] * 90, share[..., 1]], -1), cell=1.0, rng=rng)
    layers[(*at, 4)] = 0.5 + 4 * (0.93 - share[..., 1] + 0.05 * tips)
    return layers


def _strands(angle, height, rng):
    """Light and dark streaks along the strands, about 1."""
    fine = noise(np.stack([angle * 70, height * 0.03], -1), cell=1.0, rng=rng)
    locks = noise(np.stack([angle * 16, height * 0.02], -1), cell=1.0, rng=rng)
    return np.clip(1 + 0.2 * fine + 0.2 * locks, 0.35, 1.9)
