"""One window of a video with the model's relevance laid over it, and the curve below."""

from itertools import groupby
from pathlib import Path

import numpy as np

from painlab._explaining import Explanation
from painlab.figures.film import GREY, INK, LINE, PAPER, scale_of, wrap_text, write_text
from painlab.figures.overlay import lay_on_film, lay_over, map_of_clip, outline
from painlab.typing import UInt8
from painlab.video import VideoWriter

PANEL = 168  # pixels, the height of what stands under the picture
CLOSE = 160  # pixels of a side of the aligned face in it
NARROWEST = 480  # pixels, of the whole
CURVE = (86, 180, 233)


def write_relevance_film(
    explanation: Explanation, path: str | Path, *, level: str = "spatial", progress: bool = False
) -> Path:
    """Write the window that was explained, with the relevance where it is in the picture.

    What the model saw of a frame is grey under the colours; the rest keeps its own. Below stand the
    aligned face under the same colours, the curve over time, and what the weights learned from. One
    scale of colours holds for the whole window. The film has the frames that the model saw.

    Args:
        explanation: of `explain_video`; its video is read once more.
        path: the .mp4 file to write; it appears only when it is complete.
        level: "spatial" for patches, "fine" for their sub-patches.
        progress: show a progress bar on the standard error stream.

    Raises:
        VideoError: where the video is gone or the file cannot be written.

    Returns:
        The path.
    """
    from tqdm import tqdm

    maps = map_of_clip(explanation.relevance, level=level)
    total = len(maps)
    frames = tqdm(
        explanation.film(), total=total, unit="frame", desc=Path(path).name, disable=not progress
    )
    with VideoWriter(path, fps=explanation.prediction.fps, crf=20) as writer:
        panel = None
        for index, frame in enumerate(frames):
            if panel is None:
                panel = _panel(explanation, width=_width(frame))
            writer.write(_draw(explanation, frame, panel, maps[index], index))
    return Path(path)


def _width(frame) -> int:
    return max(round(frame.shape[1] * scale_of(frame)), NARROWEST)


def _draw(explanation, frame, panel, values, index: int) -> UInt8[np.ndarray, "..."]:
    """One frame under its map, the panel beneath."""
    import cv2

    face, scale = explanation.faces[index], scale_of(frame)
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    panel = panel.copy()
    if explanation.found[index]:
        transform = explanation.prediction.faces.transforms[explanation.window[0] + index]
        frame = lay_on_film(frame, values, transform, size=len(face))
        close = cv2.resize(lay_over(face, values), (CLOSE, CLOSE), interpolation=cv2.INTER_AREA)
        panel[4 : 4 + CLOSE, 4 : 4 + CLOSE] = close
    picture = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame.copy()
    if explanation.found[index]:
        corners = outline(transform, size=len(face), scale=scale).round().astype(np.int32)
        cv2.polylines(picture, [corners], True, INK, max(1, round(size[0] / 500)), cv2.LINE_AA)
    else:
        write_text(picture, "no face", (10, 24), (213, 94, 0))
    x = _x(index, len(explanation.found), panel.shape[1])
    cv2.line(panel, (x, 26), (x, PANEL - 14), INK, 1)
    time = f"{explanation.times[index]:.2f} s"
    write_text(panel, time, (panel.shape[1] - 70, 16), INK, size=0.42)

    canvas = np.full((size[1] + panel.shape[0], panel.shape[1], 3), PAPER, np.uint8)
    left = (canvas.shape[1] - size[0]) // 2  # a narrow picture stands in the middle
    canvas[: size[1], left : left + size[0]] = picture
    canvas[size[1] :] = panel
    return canvas


def _panel(explanation: Explanation, *, width: int) -> UInt8[np.ndarray, "..."]:
    """What stays while the film runs: the curve, its scale, and the words below."""
    import cv2

    words = f"Explained: {explanation.title}. {explanation.notice}"
    lines = wrap_text(words, width - 16)
    height = PANEL + LINE * len(lines)
    panel = np.full((height + height % 2, width, 3), PAPER, np.uint8)
    for number, line in enumerate(lines):
        write_text(panel, line, (8, PANEL + LINE * number + 10), INK, size=0.42)
    shares = explanation.shares
    most = max(1.0, float(shares.max()))
    count = len(shares)
    for share in {0.0, 1.0, most}:
        y = _y(share / most)
        cv2.line(panel, (_x(0, count, width), y), (_x(count - 1, count, width), y), GREY, 1)
        write_text(panel, f"{share:.3g}", (CLOSE + 10, y + 4), GREY, size=0.36)
    write_text(panel, "relevance (even share = 1)", (CLOSE + 40, 16), CURVE, size=0.42)
    for found, run in groupby(range(count), key=lambda i: explanation.found[i]):
        if found:
            points = [[_x(i, count, width), _y(float(shares[i]) / most)] for i in run]
            cv2.polylines(panel, [np.array(points, np.int32)], False, CURVE, 2, cv2.LINE_AA)
    return panel


def _x(index: int, count: int, width: int) -> int:
    left = CLOSE + 40
    return round(left + (width - left - 12) * index / max(1, count - 1))


def _y(share: float) -> int:
    return round(PANEL - 18 - (PANEL - 50) * share)
