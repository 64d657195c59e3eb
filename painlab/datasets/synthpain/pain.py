"""What pain does to a face, and the whole motion of one clip.

Pain acts through the actions of the Prkachin and Solomon Pain Intensity (K. M. Prkachin and P. E.
Solomon, The structure, reliability and validity of pain expression, Pain 139, 2008): brow lowering
(AU4), orbit tightening (AU6, AU7), nose wrinkling and upper lip raising (AU9, AU10) and eye closure
(AU43), and besides them jaw and mouth stretch (AU25 to AU27, AU20), which that sum leaves out.
"""

from dataclasses import dataclass

import numpy as np

from painlab.datasets.synthpain.actions import ACTIONS, columns, weights_of
from painlab.datasets.synthpain.curves import SECONDS, bump, clip_times, slow_noise
from painlab.datasets.synthpain.distractors import draw_distractors
from painlab.datasets.synthpain.subjects import PARTS, Subject, check_clip, generator
from painlab.typing import Float

__all__ = ["ACTIONS", "Motion", "draw_motion", "draw_pain", "pain_intensity"]

# each part of the pain face: what it moves, from which strength on, and how late it sets in
RECIPES = {
    "brow": {"browDown": 1.0},
    "orbit": {"eyeSquint": 1.0, "cheekSquint": 0.85},
    "levator": {"noseSneer": 0.9, "mouthUpperUp": 0.75},
    "closure": {"eyeBlink": 1.0},
    "mouth": {"jawOpen": 0.45, "mouthStretch": 0.8},
}
RECRUITED = {"brow": 0.0, "orbit": 0.0, "levator": 0.08, "closure": 0.25, "mouth": 0.25}
LAG = {"brow": 0.0, "orbit": 0.03, "levator": 0.12, "closure": 0.15, "mouth": 0.20}

# calibrated with tests/benchmarks/bench_oracle.py; of two numbers the first is right above the
# threshold, the second at level 4
STRENGTH = (0.13, 1.0)  # of the mean response of a fully expressive subject
STEEPNESS = 1.2  # of strength over level
SILENT = (0.49, 0.02)  # chance that the face does not respond in a trial
SPREAD = 0.26  # of the logarithm of strength from trial to trial


@dataclass(frozen=True)
class Motion:
    """What one clip's head does, frame by frame; all float32.

    Attributes:
        actions: (k actions) in 0..1, the 52 of `ACTIONS`: what the face does.
        without_pain: (k actions), the same clip had there been no pain.
        intensity: (k,) in 0..1, `pain_intensity` of the pain's own actions.
        pose: (k 6), the head's yaw, pitch and roll in degrees as `AlignedClip.angles` counts them
            (above 0: nose to the image's left, nose down, head leaning to the image's right), then
            its shift x, y, z in millimetres.
        gaze: (k 2), the eyes' turn within the head in degrees, to the image's right and up.
    """

    actions: Float[np.ndarray, "k actions"]
    without_pain: Float[np.ndarray, "k actions"]
    intensity: Float[np.ndarray, "k"]
    pose: Float[np.ndarray, "k 6"]
    gaze: Float[np.ndarray, "k 2"]


def draw_motion(subject: Subject, *, level: int, trial: int, frames: int = 138) -> Motion:
    """The motion of one clip: ``actions = clip(without_pain + pain, 0, 1)``.

    `level` is 0 (no pain) to 4, `trial` counts the subject's clips of that level from 0. Whatever
    the number of frames, the clip tells the same 5.52 s (see `clip_times`): 35 frames are the 138
    read with stride 4. Pain moves neither head nor eyes, and nothing but pain depends on the level.

    Raises:
        DataError: a level outside 0 to 4, a trial below 0, or fewer than one frame.
    """
    check_clip(level, trial)
    times = clip_times(frames)
    calm = draw_distractors(subject, times, level=level, trial=trial)
    pain = draw_pain(subject, times, level=level, trial=trial)
    return Motion(
        actions=np.clip(calm.actions + pain, 0.0, 1.0).astype(np.float32),
        without_pain=calm.actions.astype(np.float32),
        intensity=pain_intensity(pain).astype(np.float32),
        pose=calm.pose.astype(np.float32),
        gaze=calm.gaze.astype(np.float32),
    )


def draw_pain(
    subject: Subject, times: Float[np.ndarray, "k"], *, level: int, trial: int
) -> Float[np.ndarray, "k actions"]:
    """The pain's own actions: onset, apex and offset within the clip, all 0 at level 0.

    The clip begins one second after the heat has reached its level, as BioVid's do, so that the
    face may respond at once or up to two seconds later.
    """
    rng = generator(subject.seed, "pain", subject.index, level=level, trial=trial)
    strength = _strength(subject, level, rng)
    pain = np.zeros((len(times), len(ACTIONS)))
    if strength == 0.0:
        return pain
    uneven = np.array([1.0 + subject.balance, 1.0 - subject.balance])
    onset, hold, offset = rng.uniform(0.35, 1.1), rng.uniform(0.4, 1.8), rng.uniform(0.6, 1.6)
    start = rng.uniform(0.15, min(2.0, SECONDS - 0.45 - onset - hold - offset))
    wave = 1.0 + 0.07 * slow_noise(times, rng, curves=len(PARTS), slowest=0.4, fastest=1.4)
    for i, part in enumerate(PARTS):
        weight = subject.weights[i] * np.exp(rng.normal(0.0, 0.15))
        lag = LAG[part] + rng.uniform(0.0, 0.08)
        slower = rng.uniform(0.9, 1.0)
        left, right = uneven * (1.0 + rng.normal(0.0, 0.04, 2))
        over = (strength - RECRUITED[part]) / (1.0 - RECRUITED[part])
        if over <= 0.0:
            continue
        top = 0.92 * np.tanh(weight * over)  # muscles saturate
        curve = top * wave[:, i] * bump(times, start + lag, onset, slower * hold, slower * offset)
        pain += np.outer(curve, weights_of(RECIPES[part], left=left, right=right))
    return np.clip(pain, 0.0, 1.0)


def pain_intensity(pain: Float[np.ndarray, "k actions"]) -> Float[np.ndarray, "k"]:
    """The Prkachin and Solomon Pain Intensity of actions in 0..1, divided by its largest value.

    With each action unit as the mean of its left and right halves, graded 0 to 5 as coders do, and
    eye closure 0 to 1: (AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43) / 16.
    """
    unit = {
        name: pain[:, columns(name)].mean(1)
        for name in ("browDown", "cheekSquint", "eyeSquint", "noseSneer", "mouthUpperUp")
    }
    closure = pain[:, columns("eyeBlink")].mean(1)
    graded = (
        unit["browDown"]
        + np.maximum(unit["cheekSquint"], unit["eyeSquint"])
        + np.maximum(unit["noseSneer"], unit["mouthUpperUp"])
    )
    return (5.0 * graded + closure) / 16.0


def _strength(subject: Subject, level: int, rng: np.random.Generator) -> float:
    """How strongly the face responds in this trial, 0 where it does not."""
    above = max(0.0, level - subject.threshold) / (4.0 - subject.threshold)
    trial = np.exp(rng.normal(0.0, SPREAD) - SPREAD**2 / 2)
    silent = rng.random() < SILENT[0] + (SILENT[1] - SILENT[0]) * above
    if above == 0.0 or silent:
        return 0.0
    mean = STRENGTH[0] + (STRENGTH[1] - STRENGTH[0]) * above**STEEPNESS
    return float(min(subject.expressiveness * mean * trial, 2.0))
