"""What a prediction holds, and how it is told: as a table, as JSON, over time."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from painlab.alignment import AlignedClip
from painlab.alignment.files import runs_without_face
from painlab.typing import Bool, Float

NO_DEVICE = "painlab is for research and teaching; it is not a medical device."


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """What a model says of a video, window by window, and what it saw.

    Windows overlap: each is as long as the clips that the model was made for (138 frames, 5.5 s).
    """

    path: Path
    fps: float  # frames a second after resampling
    classes: tuple[str, ...]
    windows: tuple[tuple[int, int], ...]  # first frame, and the one after the last
    probabilities: Float[np.ndarray, "windows y"]  # NaN where a window has no face
    faces: AlignedClip  # boxes, landmarks, transforms of all k frames; its pictures are dropped
    landmarks_used: str  # "fan", "embedded" or "fitted"
    weights: str  # which weights, in words
    trained: bool | None  # None: the weights do not say
    seconds: dict[str, float] = field(default_factory=dict)  # spent in each stage

    @property
    def found(self) -> Bool[np.ndarray, "k"]:
        """Which frames have a face."""
        return self.faces.found

    @property
    def notice(self) -> str:
        """What the reader of the numbers must know about the weights."""
        if self.trained is False:
            return (
                f"Weights: {self.weights}. They have not learned pain: "
                f"these numbers mean nothing. {NO_DEVICE}"
            )
        if self.trained is None:
            return f"Weights: {self.weights}. They do not say what they learned from. {NO_DEVICE}"
        return f"Weights: {self.weights}. {NO_DEVICE}"

    @property
    def frames_without_face(self) -> tuple[tuple[int, int], ...]:
        """Runs of frames without a face: first frame, and the one after the last."""
        return runs_without_face(self.found)

    def over_time(self) -> Float[np.ndarray, "k y"]:
        """Probabilities of each frame: the mean of the windows that it lies in (k y)."""
        total = np.zeros((len(self.found), len(self.classes)), np.float32)
        count = np.zeros((len(self.found), 1), np.float32)
        for (start, end), p in zip(self.windows, self.probabilities, strict=True):
            if np.isfinite(p).all():
                total[start:end] += p
                count[start:end] += 1
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)

    def to_dict(self) -> dict:
        """Everything but the landmarks as plain values, for JSON; times in seconds."""
        return {
            "video": str(self.path),
            "notice": self.notice,
            "weights": self.weights,
            "trained": self.trained,
            "landmarks": self.landmarks_used,
            "frames_per_second": self.fps,
            "frames": len(self.found),
            "frames_with_face": int(self.found.sum()),
            "frames_without_face": [
                {"first": a, "last": b - 1, "start": a / self.fps, "end": b / self.fps}
                for a, b in self.frames_without_face
            ],
            "classes": list(self.classes),
            "windows": [
                {
                    "start": round(start / self.fps, 3),
                    "end": round(end / self.fps, 3),
                    "frames_with_face": int(self.found[start:end].sum()),
                    "probabilities": [round(float(x), 6) for x in p]
                    if np.isfinite(p).all()
                    else None,
                }
                for (start, end), p in zip(self.windows, self.probabilities, strict=True)
            ],
            "seconds": {stage: round(s, 4) for stage, s in self.seconds.items()},
        }

    def table(self) -> str:
        """The windows as a table of plain text, one a line."""
        lines = [
            f"{'seconds':>15}  {'frames with face':>16}  "
            + "  ".join(f"{name:>11}" for name in self.classes)
        ]
        for (start, end), p in zip(self.windows, self.probabilities, strict=True):
            span = f"{start / self.fps:6.2f} - {end / self.fps:6.2f}"
            faces = f"{int(self.found[start:end].sum())} of {end - start}"
            if np.isfinite(p).all():
                cells = "  ".join(f"{x:11.3f}" for x in p)
            else:
                cells = "no face, no answer"
            lines.append(f"{span:>15}  {faces:>16}  {cells}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"Prediction({self.path.name}: {len(self.windows)} windows, "
            f"{int(self.found.sum())} of {len(self.found)} frames with a face)"
        )
