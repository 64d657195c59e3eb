"""What a model says of itself; what a prediction holds, and how it is told."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from painlab._decoding import usable_rate
from painlab.alignment import AlignedClip
from painlab.alignment.files import runs_without_face
from painlab.errors import WeightsError
from painlab.typing import Bool, Float

NO_DEVICE = "painlab is for research and teaching; it is not a medical device."
FPS = 25.0  # of BioVid, on which the paper's models are made
CLASS_NAMES = {
    2: ("no pain", "pain"),
    5: ("no pain", "mild", "moderate", "severe", "very severe"),
}
# of an aligner's description: the size is the model's, and the detector only finds the face
NO_LANDMARKS = ("size", "detector")


@dataclass(frozen=True)
class Claims:
    """What a model says of itself, in the text that `save_model` kept beside its weights.

    All of it may be missing: a model was then made for 25 frames a second, its classes are named by
    their number, and what it learned from and how its faces were aligned is not known.
    """

    weights: str  # which they are, in words
    classes: tuple[str, ...]
    trained_on: str | None  # in words; "nothing" for numbers drawn at random
    fps: float  # frames a second of the clips that it was made for
    aligner: dict | None  # `FaceAligner.description`, or {"landmarks": "truth"}

    @classmethod
    def read(cls, about: dict[str, str], *, weights: str, classes: int) -> "Claims":
        """From the text beside the weights of a model with so many classes.

        Raises:
            WeightsError: where a text is not what its name promises.
        """
        return cls(
            weights=weights,
            classes=_class_names(about.get("classes"), classes),
            trained_on=about.get("trained_on", "").strip().rstrip(".") or None,
            fps=_rate(about.get("frames_per_second"), weights),
            aligner=_aligner(about.get("aligner"), weights),
        )

    def other_landmarks(self, description: dict) -> str | None:
        """How an aligner's landmarks differ from the model's, as one line; None where they do not.

        Nothing differs from true landmarks, which no video has: the notice tells of those.
        """
        if self.aligner is None or self.aligner.get("landmarks") == "truth":
            return None
        was = {name: self.aligner.get(name) for name in self.aligner if name not in NO_LANDMARKS}
        now = {name: description[name] for name in description if name not in NO_LANDMARKS}
        if was == now:
            return None
        return (
            f"{self.weights} learned from faces that were aligned by other landmarks "
            f"({_in_words(was)}) than these ({_in_words(now)}): its answers may be worse."
        )


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """What a model says of a video, window by window, and what it saw.

    Windows overlap: each is as long as the clips that the model was made for, 5.5 s in painlab's
    own: 138 frames at 25 a second, or 35 at 6.25.

    Example:
        >>> import tempfile
        >>> import painlab as pl
        >>> data = pl.SynthPain(subjects=1, per_level=1, frames=8)
        >>> model = pl.PainFramework(pl.FrameworkConfig.tiny())  # has learned nothing
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     film = f"{folder}/film.mp4"
        ...     pl.write_video(film, data.render(data[0]).numpy(), fps=25)
        ...     prediction = pl.predict(film, model=model, landmarks="fitted", device="cpu")
        >>> prediction.classes, prediction.windows, prediction.over_time().shape  # k y
        (('no pain', 'pain'), ((0, 8),), (8, 2))
    """

    path: Path
    fps: float  # frames a second after resampling
    classes: tuple[str, ...]
    windows: tuple[tuple[int, int], ...]  # first frame, and the one after the last
    probabilities: Float[np.ndarray, "windows y"]  # NaN where a window has no face
    faces: AlignedClip  # boxes, landmarks, transforms of all k frames; its pictures are dropped
    landmarks_used: str  # "fan", "embedded" or "fitted"
    weights: str  # which weights, in words
    trained_on: str | None  # what they learned from, in words; None: they do not say
    true_landmarks: bool = False  # whether they learned from faces aligned by known landmarks
    seconds: dict[str, float] = field(default_factory=dict)  # spent in each stage

    @property
    def found(self) -> Bool[np.ndarray, "k"]:
        """Which frames have a face."""
        return self.faces.found

    @property
    def trained(self) -> bool | None:
        """Whether the weights have learned pain from anything; None where they do not say."""
        return None if self.trained_on is None else self.trained_on != "nothing"

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
        learned = f"They learned from {self.trained_on}."
        if self.true_landmarks:
            learned += (
                " Those faces were aligned by landmarks that were known; those of a video are "
                f"found ({self.landmarks_used})."
            )
        return f"Weights: {self.weights}. {learned} {NO_DEVICE}"

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
            "trained_on": self.trained_on,
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


def _in_words(landmarks: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(landmarks.items()))


def _class_names(named: str | None, classes: int) -> tuple[str, ...]:
    try:
        names = json.loads(named) if named else CLASS_NAMES.get(classes, ())
    except ValueError:
        names = None
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise WeightsError(f"the weights name their classes as {named!r}: a JSON list is needed.")
    return tuple(names) if len(names) == classes else tuple(f"class {i}" for i in range(classes))


def _rate(told: str | None, weights: str) -> float:
    try:
        fps = FPS if told is None else float(told)
    except ValueError:
        fps = None
    if not usable_rate(fps):
        raise WeightsError(
            f"{weights}: its frames_per_second {told!r} is no number above 0 and up to 1000; "
            "the file was made wrong."
        )
    return fps


def _aligner(told: str | None, weights: str) -> dict | None:
    try:
        description = None if told is None else json.loads(told)
    except ValueError:
        description = told
    if not isinstance(description, dict | None):
        raise WeightsError(
            f"{weights}: its aligner {told!r} is no JSON of a FaceAligner.description; "
            "the file was made wrong."
        )
    return description
