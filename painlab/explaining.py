"""From a video file to what the model's answer rests on, in one window of it (paper IV-C)."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from painlab._explaining import Explanation, frames_of_window
from painlab._prediction import Prediction
from painlab.alignment import FaceAligner
from painlab.alignment.warp import warp_frame
from painlab.errors import PainLabError
from painlab.explain import METHODS, relevance
from painlab.framework import PainFramework
from painlab.prediction import judge_video, load_framework, window_frames
from painlab.typing import UInt8
from painlab.video import frames_to_tensor


def explain_video(
    video_path: str | Path,
    *,
    target: int | str | None = None,
    method: str = "chefer",
    window: int | None = None,
    start: float | int | None = None,
    model: PainFramework | str | Path | None = None,
    landmarks: str = "auto",
    aligner: FaceAligner | None = None,
    hop: float | int = 1.0,
    device: str | torch.device | None = None,
    frames_at_once: int | None = None,
    progress: bool = False,
    say: Callable[[str], None] | None = None,
) -> Explanation:
    """What speaks for a class in a video: the frames of one window, and the places in them.

    The video is read as by `predict`, and again up to the window's end: only the window's aligned
    faces are held in memory.

    Args:
        video_path: any video that PyAV reads.
        target: the class to explain, its number or its name; the last, which is the strongest
            pain, if None.
        method: as for `pl.relevance`.
        window: the number of the window, from 0, among those of the `Prediction`; if neither
            this nor ``start`` is given, the one in which the class is likeliest.
        start: instead, the second at which a window of one's own begins.
        model, landmarks, aligner, hop, device, frames_at_once, progress: as for `predict`.
        say: told what is being done after the video was read, which can take a minute on a CPU.

    Returns:
        An `Explanation`; ``print(explanation.table())`` shows it.

    Raises:
        VideoError: where the video cannot be read.
        PainLabError: where no frame has a face, none of the window has, or an argument is wrong.
        WeightsError: where the weights cannot be used.

    Example:
        >>> import tempfile
        >>> import painlab as pl
        >>> data = pl.SynthPain(subjects=1, per_level=1, frames=8)
        >>> model = pl.PainFramework(pl.FrameworkConfig.tiny())  # has learned nothing
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     film = f"{folder}/film.mp4"
        ...     pl.write_video(film, data.render(data[0]).numpy(), fps=25)
        ...     explanation = pl.explain_video(film, model=model, landmarks="fitted", device="cpu")
        >>> explanation.relevance.spatial.shape, len(explanation.shares)  # b k rows cols
        (torch.Size([1, 8, 2, 2]), 8)
    """
    if method not in METHODS:
        raise PainLabError(f"method {method!r}: choose one of {', '.join(METHODS)}.")
    if window is not None and start is not None:
        raise PainLabError("window and start name two windows: give one of them.")
    for name, value in (("window", window), ("start", start)):
        if value is not None and not value >= 0:
            raise PainLabError(f"{name} {value:g}: give a number from 0 on.")
    if not 0 < hop < float("inf"):
        raise PainLabError(f"hop={hop!r}: give the seconds between windows, a number above 0.")
    model, claims = load_framework(model, device=device)
    target = _class_number(target, claims.classes)
    length = model.config.temporal.frames
    if start is None:
        windows = partial(window_frames, length=length, hop=hop * claims.fps)
    else:
        windows = partial(_window_at, start=start, length=length, fps=claims.fps)
    prediction = judge_video(
        video_path, model, claims, windows=windows, landmarks=landmarks, aligner=aligner,
        frames_at_once=frames_at_once, progress=progress,
    )  # fmt: skip
    number = _choose(prediction, target, window)
    faces = _aligned(prediction, number, size=model.config.spatial.image_size)
    began = perf_counter()
    first, end = prediction.windows[number]
    if say:
        say(f"relevance of {end - first} frames by {method} ...")
    found = relevance(
        model,
        frames_to_tensor(faces).unsqueeze(0),  # 1 k c height width
        target=target,
        method=method,
        mask=torch.from_numpy(prediction.found[first:end]).unsqueeze(0),  # 1 k
        frames_at_once=frames_at_once or 8,
        progress=progress,
    )
    return Explanation(prediction, number, target, faces, found, perf_counter() - began)


def _class_number(target: int | str | None, classes: tuple[str, ...]) -> int:
    """The class that a number or a name means."""
    if target is None:
        return len(classes) - 1
    names = [name.casefold() for name in classes]
    if str(target).strip().casefold() in names:
        return names.index(str(target).strip().casefold())
    try:
        number = int(target)
    except ValueError:
        number = -1
    if not 0 <= number < len(classes):
        known = ", ".join(f"{i} ({name})" for i, name in enumerate(classes))
        raise PainLabError(f"target {target!r}: this model has the classes {known}.")
    return number


def _window_at(
    frames: int, *, start: float | int, length: int, fps: float
) -> tuple[tuple[int, int]]:
    """The one window that begins at the frame nearest to a time."""
    last = max(0, frames - length)
    if not 0 <= start <= (last + 0.5) / fps:
        raise PainLabError(
            f"start {start:g}: the last window of this video begins at {last / fps:.2f} s; "
            "give a time from 0 to that."
        )
    first = min(last, round(start * fps))
    return ((first, min(first + length, frames)),)


def _choose(prediction: Prediction, target: int, window: int | None) -> int:
    """The window asked for, or the one in which the class is likeliest."""
    count = len(prediction.windows)
    if window is None:
        window = int(np.nanargmax(prediction.probabilities[:, target]))
    if not 0 <= window < count:
        raise PainLabError(f"window {window}: this video has the windows 0 to {count - 1}.")
    if np.isnan(prediction.probabilities[window]).any():
        first, end = (frame / prediction.fps for frame in prediction.windows[window])
        raise PainLabError(
            f"{prediction.path}: no frame from {first:.2f} to {end:.2f} s has a face."
        )
    return window


def _aligned(
    prediction: Prediction, number: int, *, size: int
) -> UInt8[np.ndarray, "k height width c"]:
    """The aligned faces of a window, warped once more; black where there is no face."""
    first, end = prediction.windows[number]
    faces = np.zeros((end - first, size, size, 3), np.uint8)
    for i, frame in enumerate(frames_of_window(prediction, (first, end))):
        if prediction.found[first + i]:
            transform = prediction.faces.transforms[first + i].astype(np.float64)
            faces[i] = warp_frame(frame, transform, size=size)
    return faces
