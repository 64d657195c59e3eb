"""Painting a person's skin: tone, lips, brows, beard, wrinkles, and the clothes below it.

All places are given on the mean head (see `atlas`); the person's own shape carries them along.
"""

import numpy as np

from painlab.datasets.synthpain.atlas import HEIGHT, along, around, load_atlas, noise, smooth
from painlab.datasets.synthpain.hair import scalp_depth
from painlab.datasets.synthpain.head import load_head
from painlab.datasets.synthpain.people import Person
from painlab.datasets.synthpain.wrinkles import WRINKLES, wrinkle_maps
from painlab.typing import Float

BROWS = (slice(17, 22), slice(26, 21, -1))  # landmarks, from the temple to the nose
JAW_LINE = np.array([[-68, 30, 66], [-62, 66, 50], [-40, 98, 22], [0, 112, 6],
                     [40, 98, 22], [62, 66, 50], [68, 30, 66]], float)  # fmt: skip


def paint_skin(person: Person, rng: np.random.Generator) -> Float[np.ndarray, "height width c"]:
    """The left half of the texture: linear red, green, blue, gloss, opacity, wrinkle maps."""
    atlas = load_atlas()
    places = atlas.places.astype(np.float64)
    colour = np.broadcast_to(person.skin, (HEIGHT, HEIGHT, 3)).copy()
    mottled = noise(places, cell=14, rng=rng) * 0.022 + noise(places, cell=4, rng=rng) * 0.018
    colour *= (1 + mottled + rng.normal(0, 0.012, mottled.shape))[..., None]
    _redden(colour, places, person, atlas, rng)
    _freckle(colour, places, person, rng)
    wrinkles = wrinkle_maps(places, person, rng)
    _age(colour, places, person, wrinkles)
    gloss = 0.055 + 0.05 * around(places, [0, -45, 0], 28) + 0.05 * around(places, [0, 20, -22], 12)

    lips = atlas.lips[..., None]
    rosy = colour * (np.array([0.86, 0.58, 0.6]) if person.darkness < 0.6 else [0.8, 0.62, 0.66])
    fuller = person.lips - 1 > 0  # lipstick
    rosy = rosy + max(0.0, person.lips - 1) * (np.array([0.34, 0.03, 0.05]) - rosy) * fuller
    colour += lips * min(1.0, person.lips) * (rosy - colour)
    gloss += 0.12 * atlas.lips
    colour *= 1 - (0.13 + 0.2 * (person.lashes > 0.75)) * atlas.eyelids[..., None]

    dark = person.hair * min(1.0, 0.09 / person.hair.mean())  # brows and beards grey later
    _grow(colour, gloss, _beard(places, person, rng), 0.5 * (dark + person.hair))
    _grow(colour, gloss, _brows(places, person, rng), 0.75 * dark + 0.25 * person.hair)
    depth = scalp_depth(places, person, atlas.ears) + 4 * noise(places, cell=5, rng=rng)
    cover = {"bald": 0.12, "buzz": 0.78}.get(person.hair_style, 0.95)
    edge = {"bald": 18.0, "buzz": 12.0}.get(person.hair_style, 11.0)
    streaks = 0.86 + 0.14 * np.clip(noise(places, cell=1.2, rng=rng), -1, 1)
    _grow(colour, gloss, cover * streaks * smooth(-1, edge, depth), person.hair)

    cloth = _cloth(places, person, rng)
    colour += cloth[..., None] * (_weave(places, person, rng) - colour)
    gloss *= 1 - cloth
    wrinkles *= (1 - cloth[..., None])  # fmt: skip
    opaque = np.ones((HEIGHT, HEIGHT))
    layers = [np.clip(colour, 0.002, 0.95), gloss[..., None], opaque[..., None], wrinkles]
    return np.concatenate(layers, axis=-1).astype(np.float32)


def _redden(colour, places, person, atlas, rng):
    """Blood under cheeks, nose, chin and ears; paler forehead; shade under the eyes."""
    spots = sum(around(places, [x, 36, -2], 17) for x in (-36, 36))
    spots = spots + 0.8 * around(places, [0, 32, -24], 11) + 0.35 * around(places, [0, 92, 0], 16)
    red = np.clip(spots * (1 + 0.25 * noise(places, cell=9, rng=rng)), 0, 1.3) + 0.6 * atlas.ears
    red = (person.flush * red)[..., None]
    colour *= 1 - red * np.array([0.02, 0.2, 0.17])
    under = sum(around(places, [x, 14, 2], 9) for x in (-28, 28))
    tired = (0.1 + 0.12 * (person.age > 45)) * np.clip(under, 0, 1)[..., None]
    colour *= 1 - tired * np.array([0.8, 1.0, 0.85])


def _freckle(colour, places, person, rng):
    """Freckles over nose and cheeks, a few moles anywhere."""
    near = sum(around(places, [x, 24, -5], 20) for x in (-26, 0, 26))
    specks = smooth(1.1, 1.9, noise(places, cell=1.9, rng=rng)) * np.clip(near, 0, 1)
    colour *= 1 - person.freckles * 0.5 * specks[..., None] * np.array([0.5, 0.9, 1.0])
    for _ in range(rng.integers(0, 5)):
        side = rng.choice((-1, 1))  # beside nose and mouth, where a mole is no second nostril
        spot = np.array([side * rng.uniform(30, 62), rng.uniform(-50, 95), rng.uniform(0, 40)])
        colour *= 1 - 0.6 * around(places, spot, rng.uniform(0.8, 1.4))[..., None]


def _age(colour, places, person, wrinkles):
    """What stays in the skin of wrinkles and folds, and spots of age."""
    years = np.clip((person.age - 30) / 35, 0, 1)
    stays = np.array([WRINKLES[name].stays for name in WRINKLES])
    colour *= 1 - 0.75 * years * (wrinkles * stays).sum(-1, keepdims=True)


def _beard(places, person, rng):
    """How densely hair grows on jaw, chin and upper lip, 0 to 1."""
    if person.beard == "none":
        return np.zeros((HEIGHT, HEIGHT)) if person.female else 0.05 * _beard_area(places)
    x, y, z = np.moveaxis(places, -1, 0)
    moustache = smooth(4, -3, np.abs(y - 51 - 0.006 * x**2) - 3.5) * smooth(30, 22, np.abs(x))
    moustache *= smooth(30, 10, z)
    chin = smooth(20, 13, np.abs(x)) * smooth(76, 82, y) * smooth(128, 112, y) * smooth(45, 25, z)
    around_mouth = np.maximum(chin, smooth(3, -2, np.abs(np.abs(x) - 27) - 5) * smooth(48, 54, y)
                              * smooth(100, 92, y) * smooth(40, 20, z))  # fmt: skip
    area = {
        "stubble": np.maximum(_beard_area(places), 0.8 * moustache),
        "moustache": moustache,
        "goatee": np.maximum(moustache, around_mouth),
        "full": np.maximum(np.maximum(_beard_area(places), moustache), around_mouth),
    }[person.beard]
    density = {"stubble": 0.32, "moustache": 0.9, "goatee": 0.85, "full": 0.88}[person.beard]
    ragged = 1 + 0.16 * noise(places, cell=1.6, rng=rng) + 0.1 * noise(places, cell=5, rng=rng)
    return np.clip(density * area * ragged, 0, 0.97)


def _beard_area(places):
    x, y, z = np.moveaxis(places, -1, 0)
    distance, _ = along(places, JAW_LINE)
    cheek_line = 30 + 30 * smooth(66, 30, np.abs(x)) + 10 * smooth(40, 10, np.abs(x))
    mouth = smooth(27, 33, np.hypot(x * 0.82, (y - 66) * 1.5))  # free round the lips
    below = smooth(0, 14, y - cheek_line) * smooth(44, 20, distance) * smooth(96, 70, z)
    return below * mouth * smooth(150, 118, y)


def _brows(places, person, rng):
    """How densely brow hair grows, 0 to 1."""
    head = load_head()
    points = head.mean()[head.landmarks]
    thickness, density, arch = person.brow
    total = np.zeros((HEIGHT, HEIGHT))
    for side in BROWS:
        line = points[side, :2].astype(float).copy()
        line[:, 1] += [2.0, -1.0, -1.0, -0.5, 1.0]
        line[1:4, 1] -= np.array([0.8, 1.0, 0.4]) * arch
        distance, where = along(places, line, reach=15.0)
        width = thickness * np.interp(where, [0, 0.12, 0.6, 0.9, 1], [0.3, 0.62, 0.95, 1.0, 0.75])
        strands = 0.3 * noise(places * [1.0, 0.35, 1.0], cell=0.9, rng=rng)
        inside = smooth(1.12, 0.45, distance / width + strands * 0.5)
        total = np.maximum(total, inside * (places[..., 2] < 45))
    return density * total


def _grow(colour, gloss, cover, tint):
    """Hair over skin."""
    cover = np.clip(cover, 0, 1)
    colour += cover[..., None] * (tint - colour)
    gloss *= 1 - 0.5 * cover


def _cloth(places, person, rng):
    """1 on the clothes, 0 on skin: everything below a neckline."""
    x, y, z = np.moveaxis(places, -1, 0)
    front = smooth(110, 40, z)
    depth = rng.uniform(2, 42) * (1.25 if person.female else 0.8)
    line = 148 + 12 * front + depth * front * np.exp(-((x / 42) ** 2)) - 0.12 * np.abs(x)
    return smooth(-1.5, 1.5, y - line)


def _weave(places, person, rng):
    """The clothes' colour: plain, striped across, or mottled."""
    kind = rng.choice(3, p=(0.6, 0.2, 0.2))
    shade = 1 + 0.05 * noise(places, cell=18, rng=rng)
    if kind == 1:
        shade = shade * (1 - 0.35 * (np.sin(places[..., 1] * 2 * np.pi / rng.uniform(9, 26)) > 0.2))
    if kind == 2:
        shade = shade * (1 + 0.15 * noise(places, cell=3, rng=rng))
    return person.cloth * np.clip(shade, 0.2, 2)[..., None]
