"""Where head and eyes turn: idle sway, turns, nods, saccades. Pain has no part in it."""

import numpy as np

from painlab.datasets.synthpain.curves import SECONDS, bump, mix, rise, slow_noise
from painlab.datasets.synthpain.subjects import Subject
from painlab.typing import Float

SWAY = (0.9, 0.7, 0.5, 1.2, 1.0, 1.5)  # standard deviation: degrees, then millimetres
STANCE = (4.0, 4.0, 2.0, 4.0, 3.0, 6.0)  # of the clip's mean pose, likewise
EYE_LIMIT = 26.0  # degrees from straight ahead


def draw_movement(
    subject: Subject, times: Float[np.ndarray, "k"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, "k 6"], Float[np.ndarray, "k 2"]]:
    """Pose (yaw, pitch, roll, then x, y, z in millimetres) and gaze (degrees right, up).

    Angles are counted as `painlab.alignment.pose` does: above 0 the nose goes left and
    down. The gaze is the eyes' turn within the head. Eyes jump first and the head follows; while it
    turns they counter-rotate, so that the line of sight stays where it went.
    """
    stance = rng.normal(0.0, STANCE)
    pose = stance + slow_noise(times, rng, curves=6, slowest=0.06, fastest=0.7) * SWAY
    sight = _saccades(times, rng)
    if rng.random() < 0.22 * subject.liveliness:
        turn, looked = _turn(times, rng)
        pose[:, :3] += turn
        sight += looked
    if rng.random() < 0.12 * subject.liveliness:
        pose[:, 1] += _nod(times, rng)
    gaze = sight - pose[:, :2]  # (k 2)
    pose[:, :2] *= -1  # counted as `painlab.alignment` does: the other way round
    return pose, EYE_LIMIT * np.tanh(gaze / EYE_LIMIT)


def _saccades(times, rng) -> Float[np.ndarray, "k 2"]:
    """The line of sight: fixations of half a second to some seconds, jumps of 30 to 70 ms."""
    gaps = rng.gamma(2.0, 0.9, 12) + 0.25
    starts = np.cumsum(gaps) - 1.5
    starts = starts[starts < SECONDS]
    home = rng.normal(0.0, (2.0, 1.5))
    away = rng.normal(0.0, (7.0, 4.0), (len(starts), 2))
    targets = home + np.where(rng.random((len(starts), 1)) < 0.5, 0.1, 1.0) * away
    jumps = np.diff(targets, axis=0, prepend=home[None])
    duration = 0.025 + 0.0025 * np.hypot(*jumps.T) + 0.01
    return home + mix(rise(times, starts, duration), jumps)


def _turn(times, rng) -> tuple[Float[np.ndarray, "k 3"], Float[np.ndarray, "k 2"]]:
    """A look to the side with head and eyes; it may begin before the clip or outlast it."""
    start, onset = rng.uniform(-1.0, 4.5), rng.uniform(0.35, 0.8)
    hold, offset = rng.uniform(0.4, 2.5), rng.uniform(0.4, 0.9)
    yaw = rng.choice((-1, 1)) * rng.uniform(7.0, 28.0)
    reach = np.array([yaw, rng.normal(0.0, 4.0), 0.12 * yaw + rng.normal(0.0, 2.0)])
    head = bump(times, start, onset, hold, offset)[:, None] * reach
    eyes = bump(times, start - 0.06, 0.09, onset + hold - 0.03, 0.09)[:, None] * reach[:2]
    return head, eyes


def _nod(times, rng) -> Float[np.ndarray, "k"]:
    """One to three dips of the chin."""
    dips = int(rng.integers(1, 4))
    period = rng.uniform(0.45, 0.8)
    starts = rng.uniform(-0.5, 4.5) + period * np.arange(dips)
    depth = rng.uniform(4.0, 10.0) * rng.uniform(0.5, 1.0, dips)
    return -(depth * bump(times, starts, 0.45 * period, 0.0, 0.55 * period)).sum(1)
