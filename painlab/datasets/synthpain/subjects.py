"""The people of SynthPain: who they are, how much they show, and what their clips are called."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from painlab.datasets.synthpain.actions import ACTIONS, weights_of
from painlab.datasets.tasks import LEVEL_NAMES
from painlab.errors import DataError

# one number a purpose, so that a new draw for one leaves the others as they are
STREAMS = {
    "subject": 1,
    "pain": 2,
    "distractors": 3,
    "scene": 4,
    "appearance": 5,
    "pose": 6,
    "portrait": 7,
}

AGE_GROUPS = ((18, 35), (36, 50), (51, 65))
HOURS = (9, 17)  # sessions begin at 9, 10, .. 16 o'clock
DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
SLOTS = sum(DAYS) * (HOURS[1] - HOURS[0])

# how the parts of a pain face differ from person to person: the spread of the logarithm
PARTS = ("brow", "orbit", "levator", "closure", "mouth")
PART_SPREAD = 0.30


@dataclass(frozen=True)
class Subject:
    """One person of SynthPain, all that does not change from clip to clip.

    ``name`` has BioVid's form: month, day and hour of the session, sex and age. ``expressiveness``
    (0 to 1) scales everything that pain does to the face, ``threshold`` (0 to 1) is the level below
    which the face stays calm. ``weights`` say how strongly this person recruits each of ``PARTS``,
    around 1; ``balance`` is left against right, around 0; ``rest`` the face at rest, a value for
    each of the 52 actions; ``blinks`` a minute, and ``liveliness`` (around 1) scales how often they
    talk, smile and look around.
    """

    seed: int
    index: int
    name: str
    sex: str
    age: int
    expressiveness: float
    threshold: float
    weights: tuple[float, ...] = field(repr=False)
    balance: float = field(repr=False)
    rest: tuple[float, ...] = field(repr=False)
    blinks: float = field(repr=False)
    liveliness: float = field(repr=False)


def generator(
    seed: int, stream: str, subject: int, *, level: int = 0, trial: int = 0
) -> np.random.Generator:
    """The random numbers of one purpose for one clip (or one subject), alike in any order of use.

    `stream` is a key of `STREAMS`.
    """
    key = (STREAMS[stream], subject, level, trial)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def draw_subject(seed: int, index: int) -> Subject:
    """The subject of this number (from 0); the same whatever the number of subjects.

    Sexes and the three age groups that BioVid recruited (18 to 35, 36 to 50, 51 to 65) take turns
    in shuffled blocks of six, and in every block of four subjects one shows next to nothing (as was
    seen in BioVid: Werner, Al-Hamadi and Walter, Analysis of facial expressiveness during
    experimentally induced heat pain, ACII Workshops 2017).

    Raises:
        DataError: an index below 0 or above 2,919, the last for which there is a name.
    """
    if not 0 <= index < SLOTS:
        raise DataError(f"SynthPain has no subject {index}: give an index from 0 to {SLOTS - 1}.")
    rng = generator(seed, "subject", index)
    group = _shuffled(seed, index, block=6)
    sex = "mw"[group % 2]
    low, high = AGE_GROUPS[group // 2]
    age = int(rng.integers(low, high, endpoint=True))
    spread = rng.normal(size=len(PARTS))
    return Subject(
        seed=seed,
        index=index,
        name=f"{_session(seed, index)}_{sex}_{age}",
        sex=sex,
        age=age,
        expressiveness=_expressiveness((_shuffled(seed, index, block=4) + rng.random()) / 4),
        threshold=float(rng.uniform(0.0, 1.0)),
        weights=tuple(np.exp(PART_SPREAD * (spread - spread.mean())).tolist()),
        balance=float(np.clip(rng.normal(0.0, 0.06), -0.15, 0.15)),
        rest=tuple(_rest(rng).tolist()),
        blinks=float(np.clip(np.exp(rng.normal(np.log(15.0), 0.4)), 5.0, 35.0)),
        liveliness=float(np.clip(np.exp(rng.normal(0.0, 0.3)), 0.5, 2.0)),
    )


def sample_name(subject: Subject, level: int, trial: int, per_level: int) -> str:
    """The name of a clip, numbered as BioVid's: pain levels 1 to 4 first, then the baseline.

    `trial` counts from 0 within the level. With 20 clips a level PA1 has 001 to 020, PA4 061 to
    080 and BL1 081 to 100.

    Raises:
        DataError: a level outside 0 to 4, or a trial outside 0 to `per_level` - 1.
    """
    check_clip(level, trial)
    if trial >= per_level:
        raise DataError(
            f"Trial {trial} does not exist with {per_level} clips a level: the last is "
            f"{per_level - 1}."
        )
    number = (level - 1) % 5 * per_level + trial + 1
    return f"{subject.name}-{LEVEL_NAMES[level]}-{number:03d}"


def check_clip(level: int, trial: int) -> None:
    """Refuse a level or a trial that no clip can have.

    Raises:
        DataError: a level outside 0 to 4, or a trial below 0.
    """
    if not 0 <= level < len(LEVEL_NAMES):
        raise DataError(f"There is no level {level}: give 0 (no pain) to 4 (very severe).")
    if trial < 0:
        raise DataError(f"There is no trial {trial}: trials count from 0.")


def _expressiveness(quantile: float) -> float:
    """The lowest quarter shows next to nothing; the others are spread from little to all."""
    if quantile < 0.25:
        return 0.03 + 0.06 * (quantile / 0.25)
    return 0.45 + 0.55 * (quantile - 0.25) / 0.75


def _shuffled(seed: int, index: int, *, block: int) -> int:
    """This subject's place in its shuffled block: each place once in every `block` subjects."""
    # a trial of 1 keeps these draws apart from the subjects' own, which have 0
    key = (STREAMS["subject"], index // block, block, 1)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    return int(rng.permutation(block)[index % block])


@lru_cache(maxsize=16)
def _sessions(seed: int) -> tuple[int, ...]:
    key = (STREAMS["subject"], 0, 0, 2)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    return tuple(rng.permutation(SLOTS).tolist())


def _session(seed: int, index: int) -> str:
    """Month, day and hour of the session: no two subjects of a seed have the same."""
    day, hour = divmod(_sessions(seed)[index], HOURS[1] - HOURS[0])
    month = 0
    while day >= DAYS[month]:
        day -= DAYS[month]
        month += 1
    return f"{month + 1:02d}{day + 1:02d}{hour + HOURS[0]:02d}"


def _rest(rng: np.random.Generator) -> np.ndarray:
    """A face at rest is not blank: brows a little low, lids a little narrow, corners up or down."""
    most = {
        "browDown": 0.16, "browInnerUp": 0.10, "browOuterUp": 0.08, "eyeSquint": 0.16,
        "cheekSquint": 0.08, "noseSneer": 0.06, "mouthUpperUp": 0.05, "mouthFrown": 0.15,
        "mouthSmile": 0.10, "mouthPress": 0.15, "mouthShrugLower": 0.10, "eyeBlink": 0.12,
        "jawOpen": 0.03, "mouthStretch": 0.04,
    }  # fmt: skip
    uneven = np.exp(rng.normal(0.0, 0.08, len(ACTIONS)))
    return weights_of({name: top * rng.beta(1.2, 2.0) for name, top in most.items()}) * uneven
