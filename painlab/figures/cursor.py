"""A plot under the frames of a clip, with a line that goes along with them."""

from collections.abc import Iterable
from dataclasses import dataclass

from painlab.errors import PainLabError
from painlab.figures import style


@dataclass(frozen=True)
class Curves:
    """A plot as HTML, and where the line stands in it for each frame, in per cent of its sides."""

    svg: str
    alt: str
    lefts: tuple[float, ...]
    top: float
    height: float
    width: int  # pixels on the page

    def to_html(self, frame: int) -> str:
        """The plot with the line at one frame."""
        place = f"left:{self.lefts[frame]}%;top:{self.top}%;height:{self.height}%"
        look = "position:absolute;width:0;border-left:2px solid currentColor"
        line = f'<div class="pl-cursor" style="{look};{place}"></div>'
        return (
            f'<div class="pl-curves" role="img" aria-label="{self.alt}" '
            f'style="position:relative;max-width:{self.width}px">{self.svg}{line}</div>'
        )


def place_cursor(figure, at: Iterable, *, alt: str) -> Curves:
    """Measure where the places ``at`` of the x axis lie in a figure.

    The figure's axes stand one below the other and share their x axis; the line crosses them all.

    Raises:
        PainLabError: a figure without axes.
    """
    if not figure.axes:
        raise PainLabError("The figure under the frames has no axes: plot the curves into some.")
    svg = style.figure_svg(figure)  # drawing it settles the layout
    boxes = [axes.get_position() for axes in figure.axes]  # shares of the figure, from below
    low, high = min(box.y0 for box in boxes), max(box.y1 for box in boxes)
    pixels = figure.axes[0].transData.transform([(x, 0.0) for x in at])[:, 0]
    across = figure.get_size_inches()[0] * figure.dpi
    return Curves(
        svg=svg,
        alt=alt,
        lefts=tuple(round(100 * float(x) / across, 2) for x in pixels),
        top=round(100 * (1 - high), 2),
        height=round(100 * (high - low), 2),
        width=round(figure.get_size_inches()[0] * 96),
    )
