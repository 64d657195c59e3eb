"""From a video file to class probabilities over time: every module of the package in a row.

The video is read in small pieces, so neither its length nor its size has to fit in memory: of
each frame only the place of the face and the feature of 192 numbers are kept.
"""

import math
import warnings
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import count, takewhile
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from painlab._prediction import FPS, Claims, Prediction
from painlab.alignment import AlignedClip, FaceAligner
from painlab.alignment.files import require_a_face, timed, with_progress, without_frames
from painlab.devices import choose_device
from painlab.errors import PainLabError, WeightsError
from painlab.framework import PAIN, PainFramework, evaluating, framework_of_pain, load_model
from painlab.temporal.transformer import TemporalTransformer
from painlab.typing import Float
from painlab.video import frames_to_tensor, stream_video


def predict(
    video_path: str | Path,
    *,
    model: PainFramework | str | Path | None = None,
    landmarks: str = "auto",
    aligner: FaceAligner | None = None,
    hop: float | int = 1.0,
    device: str | torch.device | None = None,
    frames_at_once: int | None = None,
    progress: bool = False,
) -> Prediction:
    """Class probabilities over time for the face in a video.

    The video is resampled to the rate that the model was made for: 25 frames a second, unless its
    weights say otherwise (`save_model` with ``frames_per_second="6.25"``). Faces are found and
    aligned, every aligned frame becomes a feature, and the temporal module judges windows of as
    many frames as it was made for. A shorter video is one window. The largest face is followed
    where there are several.

    Args:
        video_path: any video that PyAV reads.
        model: a `PainFramework`, a weights file, or the name of shipped weights; without it,
            `framework_of_pain`, which learned from rendered faces: it has never seen a person in
            pain, and what it says of one is not known to be right.
        landmarks: "auto", "fan", "embedded" or "fitted", as for `FaceAligner`.
        aligner: one to use again for many videos; made anew if None.
        hop: seconds from the start of a window to the start of the next, to the nearest frame; at
            most the length of a window, so that every frame is judged.
        device: of the networks; if None a GPU where there is one, or where ``model`` already is.
        frames_at_once: frames that are held in memory and pass through the TNT together; if None
            8 on a CPU, whose caches hold no more, and 32 elsewhere.
        progress: show a progress bar on the standard error stream.

    Raises:
        VideoError: where the video cannot be read.
        PainLabError: where no frame has a face, or an argument is wrong.
        WeightsError: where the weights cannot be used.

    Warns:
        UserWarning: where the model's weights say that they learned from faces aligned by other
            landmarks (``aligner``, the JSON of `FaceAligner.description`).

    Returns:
        A `Prediction`; ``print(prediction.table())`` shows it.

    Example:
        >>> import tempfile
        >>> import painlab as pl
        >>> data = pl.SynthPain(subjects=1, per_level=1, frames=8)
        >>> model = pl.PainFramework(pl.FrameworkConfig.tiny())  # has learned nothing
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     film = f"{folder}/film.mp4"
        ...     pl.write_video(film, data.render(data[0]).numpy(), fps=25)
        ...     prediction = pl.predict(film, model=model, landmarks="fitted", device="cpu")
        >>> prediction.probabilities.shape, prediction.found.sum()  # windows y
        ((1, 2), np.int64(8))
    """
    if not 0 < hop < float("inf"):
        raise PainLabError(f"hop={hop!r}: give the seconds between windows, a number above 0.")
    model, claims = load_framework(model, device=device)
    return judge_video(
        video_path,
        model,
        claims,
        windows=partial(window_frames, length=model.config.temporal.frames, hop=hop * claims.fps),
        landmarks=landmarks,
        aligner=aligner,
        frames_at_once=frames_at_once,
        progress=progress,
    )


def load_framework(
    model: PainFramework | str | Path | None, *, device: str | torch.device | None = None
) -> tuple[PainFramework, Claims]:
    """The model that `predict` takes, on its device, and what it says of itself.

    Raises:
        WeightsError: where the weights cannot be used.
    """
    if device is None and isinstance(model, PainFramework):
        device = next(model.parameters()).device  # it stays where it is
    device = choose_device(device)
    if model is None or str(model) == PAIN:
        model = framework_of_pain()
        weights, about = f"{PAIN}, with {model.about['spatial']} for each frame", model.about
    elif isinstance(model, PainFramework):
        about = getattr(model, "about", {})
        weights = about.get("name", "the model that was passed in")
    else:
        weights, model = str(model), load_model(model)
        if isinstance(model, TemporalTransformer) and "spatial" in model.about:
            model = framework_of_pain(weights)
        if not isinstance(model, PainFramework):
            raise WeightsError(
                f"{weights} holds a {type(model).__name__}; predict needs a whole PainFramework."
            )
        about = model.about
    claims = Claims.read(about, weights=weights, classes=model.config.temporal.classes)
    return model.to(device), claims


def judge_video(
    video_path: str | Path,
    model: PainFramework,
    claims: Claims,
    *,
    windows: Callable[[int], tuple[tuple[int, int], ...]],
    landmarks: str = "auto",
    aligner: FaceAligner | None = None,
    frames_at_once: int | None = None,
    progress: bool = False,
) -> Prediction:
    """What `predict` does with a model of `load_framework`, in windows of one's own.

    Args:
        video_path, landmarks, aligner, frames_at_once, progress: as for `predict`.
        model: where it is.
        claims: the model's.
        windows: from the number of frames to the first frame and the one after the last of each.
    """
    if frames_at_once is not None and frames_at_once < 1:
        raise PainLabError(f"frames_at_once={frames_at_once!r}: give a whole number above 0.")
    device = next(model.parameters()).device
    frames_at_once = frames_at_once or (8 if device.type == "cpu" else 32)
    size = model.config.spatial.image_size
    aligner = aligner or _aligner(landmarks, size=size, device=device, fps=claims.fps)
    if aligner.size != size:
        raise PainLabError(
            f"the aligner makes pictures of {aligner.size} pixels a side, the model takes {size}."
        )
    if other := claims.other_landmarks(aligner.description):
        warnings.warn(other, UserWarning, stacklevel=3)

    seconds: dict[str, float] = {"decode": 0.0, "spatial": 0.0, "temporal": 0.0}
    faces, features = [], []
    before = dict(aligner.seconds)
    chunks = stream_video(video_path, chunk=frames_at_once, fps=claims.fps)
    chunks = with_progress(chunks, video_path, show=progress, fps=claims.fps)
    with evaluating(model), torch.inference_mode(), closing(chunks):
        for part in aligner.stream(timed(chunks, seconds, "decode")):
            start = perf_counter()
            features.append(_encode(model.spatial, part, device))
            seconds["spatial"] += perf_counter() - start
            faces.append(without_frames(part))
        faces = AlignedClip.join(faces)
        require_a_face(faces, video_path)
        start = perf_counter()
        chosen = windows(len(faces.found))
        probabilities = _judge(model.temporal, torch.cat(features), faces.found, chosen)
        seconds["temporal"] = perf_counter() - start
    return Prediction(
        path=Path(video_path),
        fps=claims.fps,
        classes=claims.classes,
        windows=chosen,
        probabilities=probabilities,
        faces=faces,
        landmarks_used=aligner.landmarks_used,
        weights=claims.weights,
        trained_on=claims.trained_on,
        true_landmarks=(claims.aligner or {}).get("landmarks") == "truth",
        seconds=seconds | {stage: s - before[stage] for stage, s in aligner.seconds.items()},
    )


def window_frames(frames: int, *, length: int, hop: float | int) -> tuple[tuple[int, int], ...]:
    """First frame and the one after the last of each window; the last window ends with the clip.

    Args:
        frames: of the video.
        length: of a window; a shorter video is one window.
        hop: frames from the start of a window to the start of the next; taken as 1 where it is
            less, and as ``length`` where it is more, so that every frame lies in a window. Where it
            is no whole number each window starts at the frame nearest to its time.

    Example:
        >>> window_frames(200, length=138, hop=25)
        ((0, 138), (25, 163), (50, 188), (62, 200))
        >>> window_frames(55, length=35, hop=6.25)
        ((0, 35), (6, 41), (13, 48), (19, 54), (20, 55))
    """
    last, hop = max(0, frames - length), min(max(1, hop), length)
    times = (math.floor(i * hop + 0.5) for i in count())
    starts = [*takewhile(lambda start: start < last, times), last]
    return tuple((start, min(start + length, frames)) for start in starts)


def _aligner(landmarks: str, *, size: int, device: torch.device, fps: float) -> FaceAligner:
    """One that looks for the face anew after the same times as at 25 frames a second.

    Between two frames of a slow film a head moves further: a block of as many of them as there are
    at 25 a second would be looked at where the face was a second and more ago.
    """
    block, every = (max(1, round(frames * fps / FPS)) for frames in (8, 96))
    return FaceAligner(
        landmarks=landmarks, size=size, device=device, block=block, detect_every=every
    )


def _encode(spatial: torch.nn.Module, part: AlignedClip, device: torch.device) -> Tensor:
    """Features (k d) of the frames that have a face, zeros for the others."""
    dtype = spatial.class_token.dtype
    features = torch.zeros(len(part.found), spatial.config.dim, device=device, dtype=dtype)
    found = torch.from_numpy(np.flatnonzero(part.found)).to(device)
    if len(found):
        images = frames_to_tensor(part.frames[part.found]).to(device, dtype)  # k c height width
        features[found] = spatial(images)
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # or the time would be counted at the next stage
    return features


def _judge(temporal, features: Tensor, found: np.ndarray, windows) -> Float[np.ndarray, "w y"]:
    """Probabilities (windows y); a window without a face gets NaN."""
    length = max(end - start for start, end in windows)
    batch = features.new_zeros(len(windows), length, features.shape[-1])  # b k d
    mask = torch.zeros(len(windows), length, dtype=torch.bool, device=features.device)  # b k
    found = torch.from_numpy(found).to(features.device)
    for i, (start, end) in enumerate(windows):
        batch[i, : end - start] = features[start:end]
        mask[i, : end - start] = found[start:end]
    logits = torch.cat(
        [temporal(b, mask=m) for b, m in zip(batch.split(64), mask.split(64), strict=True)]
    )
    probabilities = logits.float().softmax(dim=-1)  # b y
    if not probabilities.isfinite().all():
        raise PainLabError("the model's answer is not a number: its weights are damaged.")
    return probabilities.masked_fill(~mask.any(dim=1, keepdim=True), torch.nan).cpu().numpy()
