"""Shapes in time that faces move in: instants of a clip, ramps, bumps and slow noise.

Every curve is a function of the time in seconds, so that sampling it at fewer instants gives the
same values at those instants.
"""

import math

import numpy as np

from painlab.errors import DataError
from painlab.typing import Float

FULL_FRAMES = 138
FPS = 25
SECONDS = FULL_FRAMES / FPS


def clip_times(frames: int = FULL_FRAMES) -> Float[np.ndarray, "k"]:
    """The instants in seconds at which a clip of so many frames shows its 5.52 s.

    A clip always tells the same 5.52 s, BioVid's 138 frames at 25 a second; with fewer frames it is
    sampled more coarsely. Where so many frames are what is left when every s-th of the 138 is read
    (69, 46, 35, 28, 12 and so on), the instants are those; otherwise they are spread evenly from
    the first of the 138 to the last.

    Raises:
        DataError: fewer than one frame.

    >>> (clip_times(35) == clip_times(138)[::4]).all()
    np.True_
    """
    if frames < 1:
        raise DataError(f"A clip needs at least one frame, not {frames}: ask for more.")
    stride = _stride(frames)
    if stride:
        return np.arange(0, FULL_FRAMES, stride) / FPS
    return np.linspace(0, FULL_FRAMES - 1, frames) / FPS


def frame_rate(frames: int = FULL_FRAMES) -> float:
    """Frames a second of a clip of so many frames, so that it plays as long as it tells.

    >>> frame_rate(138), frame_rate(35)
    (25.0, 6.25)
    """
    stride = _stride(frames)
    return FPS / stride if stride else (frames - 1) * FPS / (FULL_FRAMES - 1)


def _stride(frames: int) -> int | None:
    """Every how manieth of the 138 frames leaves so many, if any does."""
    stride = math.ceil(FULL_FRAMES / frames)
    return stride if len(range(0, FULL_FRAMES, stride)) == frames else None


def rise(times: Float[np.ndarray, "k"], start, duration) -> Float[np.ndarray, "k ..."]:
    """From 0 before `start` to 1 after `duration` seconds, along a minimum-jerk path.

    Its speed and acceleration are 0 at both ends (T. Flash and N. Hogan, Journal of Neuroscience 5,
    1985, for the path). With arrays for `start` and `duration`, one column each.
    """
    start, duration = np.asarray(start, float), np.asarray(duration, float)
    times = times.reshape(-1, *[1] * start.ndim)
    x = np.clip((times - start) / duration, 0.0, 1.0)
    return x * x * x * (10.0 + x * (6.0 * x - 15.0))


def bump(times, start, onset, hold, offset) -> Float[np.ndarray, "k ..."]:
    """Up from 0 to 1 in `onset` seconds, `hold` seconds there, and down in `offset` seconds."""
    start = np.asarray(start, float)
    return rise(times, start, onset) * (1.0 - rise(times, start + onset + hold, offset))


def slow_noise(
    times, rng: np.random.Generator, *, curves: int, slowest: float, fastest: float
) -> Float[np.ndarray, "k curves"]:
    """Smooth random curves around 0, of standard deviation 1, between two frequencies in hertz."""
    waves = 5
    frequency = np.exp(rng.uniform(np.log(slowest), np.log(fastest), (waves, curves)))
    phase = rng.uniform(0, 2 * np.pi, (waves, curves))
    weight = rng.uniform(0.5, 1.0, (waves, curves)) / np.sqrt(frequency)
    weight *= np.sqrt(2 / (weight**2).sum(0))
    angle = 2 * np.pi * frequency * times[:, None, None] + phase
    return (weight * np.sin(angle)).sum(1)


def mix(
    curves: Float[np.ndarray, "k i"], rows: Float[np.ndarray, "i o"]
) -> Float[np.ndarray, "k o"]:
    """The sum over i of curve i times row i, as ``curves @ rows`` but alike to the last bit.

    A matrix product may round otherwise with another number of threads.
    """
    return (curves[:, :, None] * rows).sum(1)
