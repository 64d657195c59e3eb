"""One clip with its relevance: what is drawn of it, and which of its frames."""

from collections.abc import Iterable

import numpy as np
from torch import Tensor

from painlab._explaining import even_shares
from painlab.errors import PainLabError, ShapeError
from painlab.explain import Relevance
from painlab.typing import Bool, Float, UInt8

CALM = 0.05  # of the greatest intensity: what is called rest


class ClipRelevance:
    """One clip that was explained: its faces and its truth, checked to fit its relevance."""

    def __init__(self, frames, relevance: Relevance, clip: int, times, intensity, found):
        if not 0 <= clip < len(relevance.temporal):
            raise PainLabError(
                f"clip {clip}: this relevance has the clips 0 to {len(relevance.temporal) - 1}."
            )
        k = relevance.temporal.shape[1]
        frames = frames.cpu().numpy() if isinstance(frames, Tensor) else np.asarray(frames)
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
            raise ShapeError(
                "the faces of a clip are uint8 of shape (k, height, width, 3), "
                f"not {frames.dtype} {frames.shape}."
            )
        self.frames: UInt8[np.ndarray, "k height width c"] = frames
        self.times = as_many(times, k, "times")
        self.intensity = as_many(intensity, k, "intensity")
        self.found: Bool[np.ndarray, "k"] = (
            np.ones(k, bool) if found is None else as_many(found, k, "found") > 0
        )
        if len(frames) != k:
            raise ShapeError(f"{len(frames)} frames do not fit a relevance of {k} frames.")
        self.shares = even_shares(relevance, clip=clip)
        self.strongest = int(self.shares.argmax())

    @property
    def places(self) -> Float[np.ndarray, "k"]:
        """Where the frames stand on the axis of time."""
        return np.arange(len(self.frames), dtype=np.float64) if self.times is None else self.times

    def label(self, frame: int) -> str:
        """The frame's time, or its number."""
        return f"frame {frame}" if self.times is None else f"{self.times[frame]:.2f} s"

    def short(self, frame: int) -> str:
        """The same above a small picture."""
        return f"{frame}" if self.times is None else self.label(frame)

    def choose(self, shown: int | Iterable) -> list[int]:
        """The frames that are drawn, in their order."""
        if not isinstance(shown, int):
            shown = list(shown)
            wrong = [frame for frame in shown if not 0 <= frame < len(self.frames)]
            if wrong or not shown:
                raise PainLabError(
                    f"shown={shown}: name one or more of the frames 0 to {len(self.frames) - 1}."
                )
            return [int(frame) for frame in shown]
        if shown < 1:
            raise PainLabError(f"shown={shown}: give a number of frames from 1 on.")
        there = np.flatnonzero(self.found)
        if not len(there):
            raise PainLabError("none of these frames has a face: there is nothing to show.")
        if self.intensity is not None and self.intensity[there].max() > 0:
            there = self._rest_to_apex(there)
            must = there[-1]
        else:
            must = self.strongest if self.found[self.strongest] else there[-1]
        spread = np.linspace(0, len(there) - 1, min(shown, len(there)))
        chosen = there[np.unique(np.rint(spread).astype(int))]
        chosen[np.abs(chosen - must).argmin()] = must
        return [int(frame) for frame in chosen]

    def _rest_to_apex(self, there):
        """Frames from the last at rest before the apex to the apex."""
        intensity = self.intensity[there]
        apex = int(intensity.argmax())
        calm = np.flatnonzero(intensity[:apex] <= CALM * intensity[apex])
        return there[calm[-1] if len(calm) else 0 : apex + 1]


def as_many(values, k: int, name: str) -> Float[np.ndarray, "k"] | None:
    """Numbers of the frames as an array of k, or None; other numbers of them are a `ShapeError`."""
    if values is None:
        return None
    if isinstance(values, Tensor):
        values = values.detach().cpu()
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (k,):
        raise ShapeError(f"{name} must be one number for each of {k} frames, not {array.shape}.")
    return array
