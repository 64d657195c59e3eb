"""Frames under a slider: plain HTML in the book, ipywidgets in Jupyter, from the same frames.

The build of the book sets the environment variable PAINLAB_STATIC: then, and where there is no
live kernel or no ipywidgets, the slider is plain HTML that needs neither a kernel nor a network.
"""

import base64
import hashlib
import html
import io
import itertools
import os
from collections.abc import Iterable, Sequence

import numpy as np

from painlab.errors import PainLabError
from painlab.figures import style
from painlab.figures.cursor import Curves, place_cursor
from painlab.figures.slider_page import PAGE

_made = itertools.count()


class FrameSlider:
    """Pictures under a slider, made by :func:`frame_slider`; Jupyter and the book display it."""

    def __init__(
        self, *, pictures: list[str], labels, alt, name, caption, start, fps, width, curves=None
    ):
        self.pictures = pictures  # HTML, one a frame
        self.curves: Curves | None = curves  # under all frames
        self.labels, self.alt, self.name, self.caption = labels, alt, name, caption
        self.start, self.interval, self.width = start, round(1000 / fps), width

    def to_html(self) -> str:
        """The slider as one self-contained piece of HTML."""
        digest = hashlib.sha256("".join(self.pictures).encode()).hexdigest()[:8]
        frames = "".join(
            f'<div class="pl-frame" data-label="{html.escape(label)}"{self._place(n)}'
            f"{'' if n == self.start else ' hidden'}>{picture}</div>"
            for n, (picture, label) in enumerate(zip(self.pictures, self.labels, strict=True))
        )
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        return PAGE.substitute(
            id=f"pl-slider-{next(_made)}-{digest}",
            alt=html.escape(self.alt),
            name=html.escape(self.name),
            width=max(self.width, self.curves.width) if self.curves else self.width,
            label=html.escape(self.labels[self.start]),
            label_width=max(len(label) for label in self.labels),
            frames=frames,
            curves=self.curves.to_html(self.start) if self.curves else "",
            last=len(self.pictures) - 1,
            start=self.start,
            caption=caption,
            interval=self.interval,
        )

    def to_widget(self):
        """The slider as an ipywidgets box, for a live kernel."""
        import ipywidgets

        last = len(self.pictures) - 1
        picture = ipywidgets.HTML(self.pictures[self.start])
        curves = [ipywidgets.HTML(self.curves.to_html(self.start))] if self.curves else []
        label = ipywidgets.Label(self.labels[self.start])
        play = ipywidgets.Play(
            value=self.start, min=0, max=last, interval=self.interval, repeat=True
        )
        slider = ipywidgets.IntSlider(
            value=self.start, min=0, max=last, description=self.name, readout=False
        )
        slider.style.description_width = "initial"
        ipywidgets.jslink((play, "value"), (slider, "value"))

        def go(change):
            picture.value = self.pictures[change["new"]]
            label.value = self.labels[change["new"]]
            for plot in curves:
                plot.value = self.curves.to_html(change["new"])

        slider.observe(go, names="value")
        below = [ipywidgets.HTML(html.escape(self.caption))] if self.caption else []
        controls = ipywidgets.HBox([play, slider, label])
        return ipywidgets.VBox([picture, *curves, controls, *below])

    def _place(self, frame: int) -> str:
        return f' data-cursor="{self.curves.lefts[frame]}%"' if self.curves else ""

    def _ipython_display_(self):
        from IPython.display import display

        if is_live():
            display(self.to_widget())
        else:
            display({"text/html": self.to_html(), "text/plain": self.alt}, raw=True)


def frame_slider(
    frames: Sequence,
    *,
    alt: str,
    labels: Sequence[str] | None = None,
    name: str = "Frame",
    caption: str | None = None,
    start: int = 0,
    fps: float = 8.0,
    width: int | None = None,
    pixelated: bool = False,
    quality: int = 85,
    curves=None,
    at: Iterable | None = None,
) -> FrameSlider:
    """Frames that the reader moves through with a slider, with the keyboard, or by pressing play.

    Args:
        frames: pictures as uint8 arrays (height width) or (height width c) with 1, 3 or 4
            channels, or matplotlib figures, which follow the page's light or dark theme.
        alt: what there is to see, in one or two sentences.
        labels: one short text a frame, shown beside the slider; the frame's number if None.
        name: what the slider moves through, for readers who hear it.
        caption: text below the slider.
        start: the frame shown first.
        fps: frames a second when played.
        width: width on the page in pixels; the pictures' own if None. Never wider than the page.
        pixelated: show the pixels of enlarged pictures as squares.
        quality: of the WebP pictures, from 1 to 100; 100 keeps every pixel as it is.
        curves: a matplotlib figure that stays under the frames, with a line that goes along.
        at: where the line stands on the figure's x axis, one place a frame.

    Returns:
        An object that Jupyter and the book display.

    Raises:
        PainLabError: if there are no frames, no alternative text, or labels or places that do
            not fit.
    """
    frames = list(frames)
    if not frames:
        raise PainLabError("A slider has no frames: give at least one picture.")
    if not alt.strip():
        raise PainLabError("A slider has no alternative text: say in alt= what there is to see.")
    labels = [str(n) for n in range(len(frames))] if labels is None else [str(x) for x in labels]
    if len(labels) != len(frames):
        raise PainLabError(
            f"A slider has {len(frames)} frames and {len(labels)} labels: give one label a frame."
        )
    if not 0 <= start < len(frames):
        raise PainLabError(f"start={start}: the slider's frames are 0 to {len(frames) - 1}.")
    at = None if at is None else [float(place) for place in at]
    if (curves is None) != (at is None) or (at is not None and len(at) != len(frames)):
        raise PainLabError(
            f"A slider with curves needs at=, one place on their x axis for each of its "
            f"{len(frames)} frames."
        )
    width = width or max(_width(frame) for frame in frames)
    look = f"width:{width}px" + (";image-rendering:pixelated" if pixelated else "")
    pictures = [
        _picture(frame, alt=html.escape(f"{alt} {name}: {label}"), look=look, quality=quality)
        for frame, label in zip(frames, labels, strict=True)
    ]
    return FrameSlider(
        pictures=pictures,
        labels=labels,
        alt=alt,
        name=name,
        caption=caption,
        start=start,
        fps=fps,
        width=width,
        curves=None if curves is None else place_cursor(curves, at, alt=html.escape(alt)),
    )


def is_live() -> bool:
    """Whether a kernel will be there when the reader moves the slider."""
    if os.environ.get("PAINLAB_STATIC"):
        return False
    try:
        import ipywidgets  # noqa: F401  (asked only whether it is there)
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")


def _is_figure(frame) -> bool:
    return hasattr(frame, "savefig")


def _width(frame) -> int:
    if _is_figure(frame):
        return round(frame.get_size_inches()[0] * 96)
    array = np.asarray(frame)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or 0 in array.shape:
        raise PainLabError(
            f"A frame of a slider is a {array.dtype} array of shape {array.shape}: give uint8 "
            "arrays (height width) or (height width c), or matplotlib figures."
        )
    return array.shape[1]


def _picture(frame, *, alt: str, look: str, quality: int) -> str:
    if _is_figure(frame):
        return f'<div role="img" aria-label="{alt}">{style.figure_svg(frame)}</div>'
    from PIL import Image

    array = np.asarray(frame)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "WEBP", quality=quality, lossless=quality == 100)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img src="data:image/webp;base64,{data}" alt="{alt}" style="{look}">'
