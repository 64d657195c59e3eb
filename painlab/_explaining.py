"""What an explanation of a video holds, and how it is told."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np

from painlab._prediction import Prediction
from painlab.explain import Relevance
from painlab.typing import Bool, Float, UInt8
from painlab.video import stream_video


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """What a model's answer for one window of a video rests on.

    Attributes:
        prediction: what the model said of the video, and of this window.
        number: of the window among those of the prediction.
        target: the class whose logit is explained.
        faces: the aligned faces of the window's k frames, as the model saw them.
        relevance: of that one clip.
        seconds: that the relevance took.

    Example:
        >>> import tempfile
        >>> import painlab as pl
        >>> data = pl.SynthPain(subjects=1, per_level=1, frames=8)
        >>> model = pl.PainFramework(pl.FrameworkConfig.tiny())  # has learned nothing
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     film = f"{folder}/film.mp4"
        ...     pl.write_video(film, data.render(data[0]).numpy(), fps=25)
        ...     explanation = pl.explain_video(film, model=model, landmarks="fitted", device="cpu")
        >>> explanation.window, explanation.faces.shape, explanation.target_name
        ((0, 8), (8, 32, 32, 3), 'pain')
    """

    prediction: Prediction
    number: int
    target: int
    faces: UInt8[np.ndarray, "k height width c"]
    relevance: Relevance
    seconds: float

    @property
    def window(self) -> tuple[int, int]:
        """The window's first frame, and the one after the last."""
        return self.prediction.windows[self.number]

    @property
    def found(self) -> Bool[np.ndarray, "k"]:
        """Which frames of the window have a face."""
        return self.prediction.found[slice(*self.window)]

    @property
    def times(self) -> Float[np.ndarray, "k"]:
        """Seconds of the window's frames from the beginning of the video."""
        return np.arange(*self.window) / self.prediction.fps

    @property
    def shares(self) -> Float[np.ndarray, "k"]:
        """Relevance of each frame in units of an even share (`even_shares`)."""
        return even_shares(self.relevance)

    @property
    def target_name(self) -> str:
        """The name of the class explained."""
        return self.prediction.classes[self.target]

    @property
    def probability(self) -> float:
        """What the model gives the class in this window."""
        return float(self.prediction.probabilities[self.number, self.target])

    @property
    def notice(self) -> str:
        """What the reader must know about the weights."""
        return self.prediction.notice

    @property
    def title(self) -> str:
        """What is explained, of what, and how, in one line."""
        start, end = (frame / self.prediction.fps for frame in self.window)
        return (
            f"{self.prediction.path.name}, {start:.2f} to {end:.2f} s: {self.target_name} "
            f"(probability {self.probability:.3f}), by {self.relevance.method}"
        )

    def film(self) -> Iterator[UInt8[np.ndarray, "height width c"]]:
        """The window's frames as they are in the video, which is read again."""
        yield from frames_of_window(self.prediction, self.window)

    def to_dict(self) -> dict:
        """Plain values for JSON; times in seconds, relevance as shares of the window's."""
        told = self.prediction.to_dict()
        same = ("video", "notice", "weights", "trained", "trained_on", "landmarks")
        total = float(self.relevance.temporal.sum())
        maps = self.relevance.spatial[0].cpu().double().numpy() / (total or 1.0)  # k rows cols
        rows, cols = maps.shape[1:]
        return {
            **{name: told[name] for name in same},
            "frames_per_second": self.prediction.fps,
            "frames_without_face": told["frames_without_face"],
            "classes": list(self.prediction.classes),
            "target": self.target,
            "target_name": self.target_name,
            "method": self.relevance.method,
            "window": {"number": self.number, **told["windows"][self.number]},
            "patches": {"rows": rows, "columns": cols},
            "frames": [
                {
                    "time": round(float(time), 4),
                    "face": bool(face),
                    "relevance": round(float(values.sum()), 6),
                    "patches": [[round(x, 8) for x in row] for row in values.tolist()],
                }
                for time, face, values in zip(self.times, self.found, maps, strict=True)
            ],
            "seconds": told["seconds"] | {"relevance": round(self.seconds, 4)},
        }

    def table(self, *, most: int = 5) -> str:
        """What is explained, and the frames with the greatest relevance, as plain text."""
        lines = [f"Explained: {self.title}."]
        shares = self.shares
        if not shares.any():
            return "\n".join([*lines, "This method finds no relevance in any frame."])
        lines += ["", f"{'seconds':>15}  {'relevance (even share = 1)':>26}"]
        strongest = [i for i in np.argsort(-shares, kind="stable")[:most] if shares[i] > 0]
        lines += [f"{self.times[i]:15.2f}  {shares[i]:26.2f}" for i in strongest]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Explanation({self.title})"


def even_shares(found: Relevance, *, clip: int = 0) -> Float[np.ndarray, "k"]:
    """Relevance of each frame of a clip, in units of what each would have were all alike.

    All are 0 where nothing in the clip has relevance.
    """
    temporal = found.temporal[clip].detach().double().cpu().numpy()  # k
    total = temporal.sum()
    return (temporal * len(temporal) / total if total > 0 else temporal).astype(np.float32)


def frames_of_window(
    prediction: Prediction, window: tuple[int, int]
) -> Iterator[UInt8[np.ndarray, "height width c"]]:
    """The frames of a window as they are in the video, which is read once more, up to its end."""
    first, end = window
    chunks = stream_video(prediction.path, fps=prediction.fps, max_frames=end)
    with closing(chunks):
        yield from islice((frame for chunk in chunks for frame in chunk), first, None)
