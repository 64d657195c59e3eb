"""A video with what the model saw and said drawn into it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from painlab._prediction import Prediction
from painlab.alignment.warp import warp_frame
from painlab.figures.film import GREY, INK, LINE, PAPER, scale_of, wrap_text, write_text
from painlab.typing import UInt8
from painlab.video import VideoWriter, stream_video

PANEL = 120  # pixels, the height of the curves under the picture
LEFT = 34  # pixels before the curves
CURVES = ((86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0))


def annotate_video(prediction: Prediction, path: str | Path, *, progress: bool = False) -> Path:
    """Write the video again with box, landmarks, aligned face and the curve of probabilities.

    It has the frames that the model saw: at the rate of the prediction, 25 a second or fewer.

    Args:
        prediction: of `predict`; its video is read a second time.
        path: the .mp4 file to write; it appears only when it is complete.
        progress: show a progress bar on the standard error stream.

    Raises:
        VideoError: where the video is gone or the file cannot be written.

    Returns:
        The path.
    """
    from tqdm import tqdm

    curve = prediction.over_time()  # k y
    frames = _frames(prediction)
    frames = tqdm(
        frames, total=len(curve), unit="frame", desc=Path(path).name, disable=not progress
    )
    with VideoWriter(path, fps=prediction.fps, crf=20) as writer:
        panel = None
        for index, frame in enumerate(frames):
            if panel is None:
                width = round(frame.shape[1] * scale_of(frame))
                panel = _panel(prediction, curve, width=max(width, 480))
            writer.write(_draw(prediction, frame, panel, curve, index))
    return Path(path)


def _frames(prediction: Prediction) -> Iterator[UInt8[np.ndarray, "height width c"]]:
    count = len(prediction.found)
    for chunk in stream_video(prediction.path, fps=prediction.fps, max_frames=count):
        yield from chunk


def _draw(prediction: Prediction, frame, panel, curve, index: int) -> UInt8[np.ndarray, "..."]:
    """One frame with everything on it, the panel beneath."""
    import cv2

    faces = prediction.faces
    scale = scale_of(frame)
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    picture = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame.copy()
    thick = max(1, round(size[0] / 500))
    if faces.found[index]:
        x1, y1, x2, y2 = (faces.boxes[index] * scale).round().astype(int).tolist()
        cv2.rectangle(picture, (x1, y1), (x2, y2), CURVES[0], thick, cv2.LINE_AA)
        for x, y in (faces.landmarks[index, :, :2] * scale).round().astype(int).tolist():
            cv2.circle(picture, (x, y), thick, CURVES[1], -1, cv2.LINE_AA)
        _inset(picture, warp_frame(frame, faces.transforms[index], size=224))
    else:
        write_text(picture, "no face", (10, 24), CURVES[4])

    height = picture.shape[0] + panel.shape[0]
    canvas = np.full((height, panel.shape[1], 3), PAPER, np.uint8)
    left = (canvas.shape[1] - picture.shape[1]) // 2  # a narrow picture stands in the middle
    canvas[: picture.shape[0], left : left + picture.shape[1]] = picture
    canvas[picture.shape[0] :] = panel
    x = _x(index, len(curve), canvas.shape[1])
    cv2.line(canvas, (x, picture.shape[0] + 4), (x, picture.shape[0] + PANEL - 10), INK, 1)
    return canvas


def _inset(picture, face) -> None:
    """The aligned face, in the upper right corner, a quarter of the picture's height."""
    import cv2

    side = min(face.shape[0], picture.shape[0] // 4, picture.shape[1] // 4)
    if side < 8:
        return
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    picture[4 : 4 + side, -4 - side : -4] = small
    cv2.rectangle(
        picture, (picture.shape[1] - 4 - side, 4), (picture.shape[1] - 5, 3 + side), INK, 1
    )


def _panel(prediction: Prediction, curve, *, width: int) -> UInt8[np.ndarray, "..."]:
    """The curves of all classes with their names; under them what the weights learned from."""
    import cv2

    lines = wrap_text(_learned(prediction), width - 2 * LEFT)
    height = PANEL + LINE * len(lines)
    panel = np.full((height + height % 2, width, 3), PAPER, np.uint8)
    for number, line in enumerate(lines):
        write_text(panel, line, (LEFT, PANEL + LINE * number + 4), INK, size=0.42)
    for share in (0.0, 0.5, 1.0):
        y = _y(share)
        cv2.line(panel, (_x(0, 2, width), y), (_x(1, 2, width), y), GREY, 1)
        write_text(panel, f"{share:g}", (4, y + 4), GREY, size=0.36)
    names_at = _x(0, 2, width)
    for k, name in enumerate(prediction.classes):
        colour = CURVES[k % len(CURVES)]
        points = np.array(
            [[_x(i, len(curve), width), _y(float(p))] for i, p in enumerate(curve[:, k]) if p == p]
        )
        cv2.polylines(panel, [points.astype(np.int32)], False, colour, 2, cv2.LINE_AA)
        names_at += write_text(panel, name, (names_at, 14), colour, size=0.42) + 14
    return panel


def _learned(prediction: Prediction) -> str:
    if prediction.trained is None:
        return "the weights do not say what they learned from"
    if not prediction.trained:
        return "weights that never learned pain: these curves mean nothing"
    return f"learned from {prediction.trained_on}"


def _x(index: int, count: int, width: int) -> int:
    return round(LEFT + (width - LEFT - 10) * index / max(1, count - 1))


def _y(share: float) -> int:
    return round(PANEL - 14 - (PANEL - 40) * share)
