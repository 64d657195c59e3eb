"""How a subject of SynthPain is built and coloured: traits that follow from the subject alone."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from painlab.datasets.synthpain.head import load_head
from painlab.datasets.synthpain.subjects import Subject, generator
from painlab.typing import Float

ORIGINS = ("african", "asian", "caucasian")
# skin from palest to darkest and hair colours, sRGB
TONES = np.array([
    (240, 210, 192), (232, 194, 168), (220, 176, 146), (202, 154, 120), (178, 126, 92),
    (146, 98, 70), (112, 74, 54), (82, 54, 41), (60, 40, 32),
])  # fmt: skip
TONE_OF_ORIGIN = {"african": (0.55, 1.0), "asian": (0.12, 0.48), "caucasian": (0.0, 0.36)}
HAIR_COLOURS = {
    "black": (26, 21, 20), "dark brown": (46, 32, 25), "brown": (82, 56, 38),
    "dark blond": (132, 100, 66), "blond": (182, 148, 102), "red": (134, 66, 34),
    "grey": (150, 148, 146), "white": (205, 203, 200),
}  # fmt: skip
IRIS_COLOURS = {
    "brown": (72, 44, 26), "dark brown": (44, 28, 20), "hazel": (104, 82, 44),
    "green": (92, 112, 74), "blue": (88, 122, 152), "grey": (122, 134, 138),
}  # fmt: skip
CLOTHES = np.array([
    (48, 58, 84), (96, 36, 40), (210, 208, 202), (40, 42, 44), (72, 94, 74), (128, 132, 140),
    (160, 126, 90), (92, 74, 112), (44, 96, 108), (176, 96, 70), (226, 214, 180), (110, 52, 70),
])  # fmt: skip
ONE_WAY = (  # shapes that have no opposite
    "head-diamond", "head-invertedtriangular", "head-oval", "head-round", "head-rectangular",
    "head-square", "head-triangular", "chin-triangle",
)  # fmt: skip
WIGGLE_ROOM = 2.0  # millimetres, the spread that one local shape may move a place by


@dataclass(frozen=True)
class Person:
    """What a subject looks like at rest. Colours are linear, 0 to 1."""

    macros: Float[np.ndarray, "macros"]
    builds: Float[np.ndarray, "builds"]
    modes: Float[np.ndarray, "modes"]
    skin: Float[np.ndarray, "3"]
    darkness: float  # 0 palest to 1 darkest skin
    flush: float  # how much red the cheeks show
    freckles: float
    lips: float  # how far the lips' colour is from the skin's
    age: int
    female: bool
    hair: Float[np.ndarray, "3"]
    hair_style: str  # bald, buzz, short, tied, bob or long
    hair_thickness: float  # millimetres
    hairline: float  # millimetres higher (receding, positive) or lower
    fringe: bool
    parting: float  # -1..1, where on the head the strands begin
    brow: Float[np.ndarray, "3"]  # thickness mm, density, arch mm
    beard: str  # none, stubble, moustache, goatee or full
    iris: Float[np.ndarray, "3"]
    cloth: Float[np.ndarray, "3"]
    lashes: float  # 0..1


def linear(colour) -> Float[np.ndarray, "... c"]:
    """An sRGB colour, 0 to 255, in linear light."""
    share = np.asarray(colour, np.float64) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


@lru_cache(maxsize=256)
def draw_person(subject: Subject) -> Person:
    """The looks of a subject; the same in every clip."""
    rng = generator(subject.seed, "appearance", subject.index)
    female = subject.sex == "w"
    main = ORIGINS[int(rng.choice(3, p=(0.3, 0.3, 0.4)))]
    mix = rng.dirichlet([7.0 if origin == main else 0.5 for origin in ORIGINS])
    macros, builds = _macros(subject, mix, rng)
    ranges = np.array([TONE_OF_ORIGIN[origin] for origin in ORIGINS])
    low, high = mix @ ranges
    darkness = float(np.clip(rng.uniform(low, high) + rng.normal(0, 0.04), 0, 1))
    skin = _tone(darkness) * (1 + rng.normal(0, 0.03, 3))
    colour = _hair_colour(main, subject.age, rng)
    style = _hair_style(female, subject.age, rng)
    beard = "none" if female else str(rng.choice(
        ["none", "stubble", "moustache", "goatee", "full"], p=(0.42, 0.24, 0.08, 0.1, 0.16)
    ))  # fmt: skip
    if main == "caucasian":
        iris = rng.choice(
            ["blue", "grey", "green", "hazel", "brown"], p=(0.3, 0.1, 0.15, 0.15, 0.3)
        )
    else:
        iris = rng.choice(["brown", "dark brown"], p=(0.4, 0.6))
    thick = rng.uniform(2.6, 3.8) if female else rng.uniform(3.4, 5.4)
    return Person(
        macros=macros,
        builds=builds,
        modes=_local_shapes(rng),
        skin=skin,
        darkness=darkness,
        flush=float(rng.uniform(0.3, 1.0) * (1 - 0.6 * darkness)),
        freckles=float(max(0, rng.normal(0.0, 0.5)) * (darkness < 0.3)),
        lips=float(rng.uniform(0.5, 1.0) + 0.35 * (female and rng.random() < 0.4)),
        age=subject.age,
        female=female,
        hair=colour,
        hair_style=style,
        hair_thickness=float(rng.uniform(7, 15) if style in ("short", "bob", "long") else 4.0),
        hairline=float(rng.normal(0, 4) + (0 if female else max(0, subject.age - 30) * 0.35)),
        fringe=bool(style in ("short", "bob", "long") and rng.random() < 0.3),
        parting=float(rng.uniform(-1, 1)),
        brow=np.array([thick, rng.uniform(0.5, 0.88), rng.uniform(-1.5, 1.2) + 0.8 * female]),
        beard=beard,
        iris=linear(IRIS_COLOURS[str(iris)]) * rng.uniform(0.8, 1.25),
        cloth=linear(CLOTHES[rng.integers(len(CLOTHES))]) * rng.uniform(0.7, 1.2),
        lashes=float(rng.uniform(0.5, 0.9) if female else rng.uniform(0.15, 0.45)),
    )


def _macros(subject, mix, rng):
    """Weights of origin, sex and age, and of sex, age and weight."""
    names = load_head().names
    womanly = rng.uniform(0.85, 1.0)
    sexes = {"female": womanly if subject.sex == "w" else 1 - womanly}
    sexes["male"] = 1 - sexes["female"]
    old = float(np.clip((subject.age - 22) / 58, 0, 0.85))
    ages = {"young": 1 - old, "old": old}
    origins = dict(zip(ORIGINS, mix, strict=True))
    heavy = float(np.clip(rng.normal(-0.05, 0.35), -0.8, 0.8))
    weights = {"minweight": max(0.0, -heavy), "maxweight": max(0.0, heavy)}
    weights["averageweight"] = 1 - sum(weights.values())
    macros = [
        origins[o] * sexes[s] * ages[a] for o, s, a in (n.split("-") for n in names["macros"])
    ]
    builds = [
        sexes[s] * ages[a] * weights[w] for s, a, w in (n.split("-") for n in names["builds"])
    ]
    return np.array(macros), np.array(builds)


def _local_shapes(rng):
    """Weights of the local shapes, so that none moves a place by more than a few millimetres."""
    head = load_head()
    reach = np.linalg.norm(head.modes, axis=-1).max(axis=1)
    spread = np.minimum(0.4, WIGGLE_ROOM / reach)
    uneven = np.array([name.startswith("asym-") for name in head.names["modes"]])
    spread = np.where(uneven, 0.5 * spread, spread)
    weights = np.clip(rng.normal(0, 1, len(reach)), -1.8, 1.8) * spread
    one_way = [name in ONE_WAY for name in head.names["modes"]]
    return np.where(one_way, np.abs(weights), weights)


def _tone(darkness: float) -> Float[np.ndarray, "3"]:
    place = darkness * (len(TONES) - 1)
    return np.array([np.interp(place, range(len(TONES)), linear(TONES)[:, c]) for c in range(3)])


def _hair_colour(origin, age, rng):
    if origin == "caucasian":
        kinds, chances = ("dark brown", "brown", "dark blond", "blond", "red", "black"), (
            0.27, 0.28, 0.2, 0.13, 0.07, 0.05)  # fmt: skip
    else:
        kinds, chances = ("black", "dark brown"), (0.75, 0.25)
    colour = linear(HAIR_COLOURS[str(rng.choice(kinds, p=chances))])
    grey = float(np.clip((age - 38 + rng.normal(0, 9)) / 30, 0, 1)) * (rng.random() < 0.8)
    return colour + grey * (linear(HAIR_COLOURS["white" if age > 58 else "grey"]) - colour)


def _hair_style(female, age, rng) -> str:
    if female:
        return str(rng.choice(["short", "tied", "bob", "long"], p=(0.2, 0.25, 0.27, 0.28)))
    bald = 0.03 if age < 36 else 0.16
    return str(rng.choice(["bald", "buzz", "short", "long"], p=(bald, 0.17, 0.79 - bald, 0.04)))
