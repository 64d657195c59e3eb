"""What a face does that has nothing to do with pain, with the same chances at every level.

Nothing here is told the level: it only numbers the clip within the random numbers.
"""

from typing import NamedTuple

import numpy as np

from painlab.datasets.synthpain.actions import ACTIONS, columns, weights_of
from painlab.datasets.synthpain.curves import SECONDS, bump, slow_noise
from painlab.datasets.synthpain.movement import draw_movement
from painlab.datasets.synthpain.subjects import Subject, generator
from painlab.datasets.synthpain.talking import talk
from painlab.typing import Float


class Gesture(NamedTuple):
    """One kind of passing movement: how often, how strong, how long, and with which actions."""

    chance: float  # of one a clip, for a subject of liveliness 1
    strength: tuple[float, float]
    onset: tuple[float, float]  # seconds, as the next two
    hold: tuple[float, float]
    offset: tuple[float, float]
    parts: dict[str, float]


GESTURES = {
    "smile": Gesture(
        0.22, (0.20, 0.85), (0.30, 0.80), (0.3, 2.5), (0.5, 1.5),
        {"mouthSmile": 0.9, "cheekSquint": 0.55, "eyeSquint": 0.35, "mouthDimple": 0.3},
    ),
    "polite smile": Gesture(
        0.10, (0.20, 0.60), (0.30, 0.60), (0.3, 2.0), (0.5, 1.2),
        {"mouthSmile": 0.8, "mouthDimple": 0.4, "mouthPress": 0.2},
    ),
    "brow raise": Gesture(
        0.20, (0.20, 0.90), (0.15, 0.40), (0.1, 1.2), (0.3, 0.9),
        {"browInnerUp": 0.8, "browOuterUp": 0.9, "eyeWide": 0.3},
    ),
    "frown of thought": Gesture(
        0.16, (0.15, 0.70), (0.25, 0.70), (0.3, 2.2), (0.4, 1.2),
        {"browDown": 0.9, "browInnerUp": 0.15, "eyeSquint": 0.2},
    ),
    "narrowed eyes": Gesture(
        0.14, (0.15, 0.65), (0.25, 0.60), (0.3, 2.2), (0.4, 1.0),
        {"eyeSquint": 0.9, "cheekSquint": 0.35},
    ),
    "sniff": Gesture(
        0.10, (0.15, 0.65), (0.15, 0.35), (0.0, 0.5), (0.25, 0.6),
        {"noseSneer": 0.9, "mouthUpperUp": 0.45},
    ),
    "swallow": Gesture(
        0.18, (0.30, 0.80), (0.20, 0.35), (0.1, 0.3), (0.25, 0.5),
        {"mouthPress": 0.8, "mouthRollLower": 0.3, "mouthShrugLower": 0.5},
    ),
    "lip press": Gesture(
        0.12, (0.20, 0.80), (0.20, 0.50), (0.2, 1.8), (0.3, 0.7),
        {"mouthPress": 0.9, "mouthRollLower": 0.5, "mouthRollUpper": 0.4},
    ),
    "parted lips": Gesture(
        0.10, (0.20, 0.60), (0.40, 0.90), (0.3, 2.5), (0.5, 1.2),
        {"jawOpen": 0.4, "mouthLowerDown": 0.2, "mouthStretch": 0.25},
    ),
    "rested eyes": Gesture(
        0.08, (0.40, 1.00), (0.30, 0.70), (0.2, 1.5), (0.3, 0.6),
        {"eyeBlink": 1.0},
    ),
}  # fmt: skip

# how far idle tone drifts in each action over seconds
IDLE = {
    "browDown": 0.035, "browInnerUp": 0.03, "browOuterUp": 0.02, "cheekSquint": 0.03,
    "eyeSquint": 0.035, "eyeBlink": 0.02, "noseSneer": 0.025, "mouthUpperUp": 0.025,
    "mouthPress": 0.04, "mouthSmile": 0.02, "mouthFrown": 0.02, "mouthStretch": 0.02,
    "jawOpen": 0.015, "mouthShrugLower": 0.02,
}  # fmt: skip
DRIFT = weights_of(IDLE)
MOVING = np.flatnonzero(DRIFT)
# for each of them the place of the action's first half, which both halves share
HALVES = np.sort(
    np.searchsorted(MOVING, [columns(name)[0] for name in IDLE for _ in columns(name)])
)
LIDS = columns("eyeBlink")
LIPS = [
    column
    for name in ("mouthPress", "mouthRollLower", "mouthRollUpper", "mouthShrugLower")
    for column in columns(name)
]
LONGEST_BLINK = 0.46  # seconds
CLEAR_OF_BLINKS = 0.50  # seconds from one blink's start to the next, at least


class Distractors(NamedTuple):
    """A clip without its pain: actions (k actions) in 0..1, pose (k 6) and gaze (k 2)."""

    actions: Float[np.ndarray, "k actions"]
    pose: Float[np.ndarray, "k 6"]
    gaze: Float[np.ndarray, "k 2"]


def draw_distractors(
    subject: Subject, times: Float[np.ndarray, "k"], *, level: int, trial: int
) -> Distractors:
    """Blinks, talking, smiles, frowns, swallowing, turns and idle motion of one clip.

    `level` and `trial` choose the random numbers and nothing else.
    """
    rng = generator(subject.seed, "pose", subject.index, level=level, trial=trial)
    pose, gaze = draw_movement(subject, times, rng)
    rng = generator(subject.seed, "distractors", subject.index, level=level, trial=trial)
    actions = np.asarray(subject.rest) + _idle(times, rng)
    for gesture in GESTURES.values():
        if rng.random() < gesture.chance * subject.liveliness:
            actions += _make(gesture, times, rng)
    if rng.random() < 0.16 * subject.liveliness:
        actions += talk(times, rng)
    # lips cannot be pressed while the mouth is open
    actions[:, LIPS] *= np.clip(1.0 - 3.0 * actions[:, columns("jawOpen")], 0.0, 1.0)
    # lids follow the eyes down, a blink closes what is open still, and a closed eye is not wide
    lids = actions[:, LIDS] + 0.012 * np.clip(-gaze[:, 1:], 0.0, None)
    lids = np.clip(lids, 0.0, 1.0)
    lids = lids + (1.0 - lids) * _blinks(subject, times, rng)  # (k 2)
    actions[:, LIDS] = lids
    actions[:, columns("eyeWide")] *= 1.0 - lids
    return Distractors(np.clip(actions, 0.0, 1.0), pose, gaze)


def _idle(times, rng) -> Float[np.ndarray, "k actions"]:
    """Tone that drifts; the two halves of the face mostly together."""
    noise = slow_noise(times, rng, curves=2 * len(MOVING), slowest=0.08, fastest=0.9)
    own, shared = noise[:, : len(MOVING)], noise[:, len(MOVING) :]
    drift = 0.45 * own + 0.9 * shared[:, HALVES]
    actions = np.zeros((len(times), len(ACTIONS)))
    actions[:, MOVING] = DRIFT[MOVING] * np.logaddexp(0.0, 2.0 * drift) / 1.4
    return actions


def _make(gesture: Gesture, times, rng) -> Float[np.ndarray, "k actions"]:
    """One gesture; it may begin before the clip and may outlast it."""
    start = rng.uniform(-1.0, SECONDS - 0.3)
    onset, hold, offset, strength = (
        rng.uniform(*span)
        for span in (gesture.onset, gesture.hold, gesture.offset, gesture.strength)
    )
    left, right = 1.0 + rng.normal(0.0, 0.06, 2)
    sag = 1.0 - rng.uniform(0.0, 0.25) * np.clip((times - start - onset) / 2.0, 0.0, 1.0)
    wave = 1.0 + 0.06 * slow_noise(times, rng, curves=1, slowest=0.4, fastest=1.4)[:, 0]
    curve = strength * sag * wave * bump(times, start, onset, hold, offset)
    return np.outer(curve, weights_of(gesture.parts, left=left, right=right))


def _blinks(subject: Subject, times, rng) -> Float[np.ndarray, "k 2"]:
    """A blink closes in about 0.1 s, opens in about 0.2 s, and is now and then incomplete."""
    wait = 60.0 / subject.blinks - CLEAR_OF_BLINKS
    gaps = CLEAR_OF_BLINKS + rng.exponential(wait, 24)
    # the clip falls anywhere between two blinks, or into the time right after one
    gaps[0] = rng.exponential(wait)
    if rng.random() < CLEAR_OF_BLINKS / (CLEAR_OF_BLINKS + wait):
        gaps[0] += rng.uniform(0.0, CLEAR_OF_BLINKS)
    starts = np.cumsum(gaps) - LONGEST_BLINK
    close = rng.uniform(0.08, 0.13, 24)
    shut = rng.uniform(0.0, 0.05, 24)
    reopen = rng.uniform(0.16, 0.28, 24)
    depth = np.where(rng.random(24) < 0.15, rng.uniform(0.5, 0.85, 24), 1.0)
    lag = rng.normal(0.0, 0.004)
    left = (depth * bump(times, starts, close, shut, reopen)).sum(1)
    right = (depth * bump(times, starts + lag, close, shut, reopen)).sum(1)
    return np.clip(np.stack([left, right], axis=1), 0.0, 1.0)  # (k 2)
