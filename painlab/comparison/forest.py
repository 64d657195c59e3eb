"""Landmark distances, their speed and acceleration, statistics of a clip, and a random forest.

After Werner et al., "Automatic pain assessment with facial activity descriptors" (2017).
"""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from painlab.comparison.leave_one_out import Answer
from painlab.comparison.pooled import log_chances
from painlab.typing import Float, Int

STATISTICS = (
    "mean", "median", "least", "most", "range", "spread", "middle half", "mean departure",
    "when most",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class LandmarkForest:
    """Signals of landmark distances, described by statistics over a clip, judged by many trees.

    It sees time as an expert wrote it down: how far, how fast, when.

    Attributes:
        fps: frames a second.
        cut_off: Hertz above which signals are smoothed away.
        trees: how many.
    """

    fps: float
    cut_off: float = 1.0
    trees: int = 200

    def learn(
        self,
        values: Float[Tensor, "b k d"],
        labels: Int[Tensor, "b"],
        *,
        classes: int,
        seed: int,
    ) -> Answer:
        """Grow the trees on these clips' distances. A tree needs nothing standardised."""
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(n_estimators=self.trees, random_state=seed, n_jobs=1)
        forest.fit(self.describe(values), labels.numpy())
        return lambda others: log_chances(forest, self.describe(others), classes=classes)

    def describe(self, values: Float[Tensor, "b k d"]) -> Float[np.ndarray, "b i"]:
        """`describe_signals` of the smoothed distances, their speed and their acceleration."""
        smooth = smoothed(values.double().numpy(), fps=self.fps, cut_off=self.cut_off)  # b k d
        speed = np.gradient(smooth, axis=1) * self.fps
        acceleration = np.gradient(speed, axis=1) * self.fps
        return describe_signals(np.concatenate([smooth, speed, acceleration], 2))


def smoothed(
    signals: Float[np.ndarray, "b k d"], *, fps: float, cut_off: float
) -> Float[np.ndarray, "b k d"]:
    """A Butterworth filter of first order, forwards and backwards, so that nothing comes later."""
    from scipy.signal import butter, sosfiltfilt

    return sosfiltfilt(butter(1, cut_off, fs=fps, output="sos"), signals, axis=1)


def describe_signals(signals: Float[np.ndarray, "b k d"]) -> Float[np.ndarray, "b i"]:
    """`STATISTICS` of each signal over the frames: ``i = d * 9``, all of one signal together.

    The last one is a moment: 0 is the first frame, 1 the last.
    """
    low, high = signals.min(1), signals.max(1)  # b d
    mean = signals.mean(1)
    quarter, median, three = np.quantile(signals, (0.25, 0.5, 0.75), axis=1)
    departure = np.abs(signals - mean[:, None]).mean(1)
    when = signals.argmax(1) / max(1, signals.shape[1] - 1)
    spread = signals.std(1)
    every = [mean, median, low, high, high - low, spread, three - quarter, departure, when]
    return np.stack(every, -1).reshape(len(signals), -1)  # b d 9, then b i
