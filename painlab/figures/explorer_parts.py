"""What the panel of an explorer is made of: pictures, plots, short tables, and words about them.

A part gives its HTML in pieces. What stays the same from panel to panel, a face below a map above
all, is a piece of its own, so that a page holds it once.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from painlab.errors import PainLabError
from painlab.figures import style
from painlab.figures.explorer_pictures import picture_url


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A picture in a panel.

    Attributes:
        image: uint8 (height width) or (height width c) with 1, 3 or 4 channels.
        alt: what there is to see.
        title: words below it.
        width: on the page, in pixels; it is never wider than the panel.
        under: another picture, over which this one lies with what of it is transparent.
        smooth: a photograph, kept as WebP and enlarged smoothly. Otherwise each pixel is kept as it
            is, and drawn as a square.
        mark: left, top, width and height of a frame drawn on it, as shares of its sides.

    Example:
        >>> black = Picture(image=np.zeros((4, 4), np.uint8), alt="Black.", width=40)
        >>> "".join(black.pieces("")).count("<img")
        1
    """

    image: np.ndarray
    alt: str
    title: str = ""
    width: int = 160
    under: np.ndarray | None = None
    smooth: bool = False
    mark: tuple[float, float, float, float] | None = None

    def pieces(self, name: str) -> list[str]:
        """The HTML; ``name`` is not used."""
        need_words(self.alt, "A picture of a panel")
        look = "" if self.smooth else ' style="image-rendering:pixelated"'
        under = "" if self.under is None else picture_url(self.under, smooth=True)
        return [
            f'<div class="pl-part" style="width:{self.width}px"><div class="pl-layers"',
            *([' style="background-image:url(', under, ')"'] if under else []),
            '><img src="',
            picture_url(self.image, smooth=self.smooth),
            f'"{look} alt="',
            f'{html.escape(self.alt)}">',
            frame_html(self.mark) if self.mark else "",
            "</div>",
            f'<div class="pl-title">{html.escape(self.title)}</div>' if self.title else "",
            "</div>",
        ]


@dataclass(frozen=True, kw_only=True, eq=False)
class Plot:
    """A matplotlib figure in a panel, in the ink of the page; ``alt`` says what there is to see.

    Example:
        >>> from painlab.figures import new_figure
        >>> figure, axes = new_figure(size=(3, 2))
        >>> "<svg" in "".join(Plot(figure=figure, alt="Empty axes.").pieces("a"))
        True
    """

    figure: object
    alt: str

    def pieces(self, name: str) -> list[str]:
        """The HTML, in which all names begin with ``name``."""
        import matplotlib

        need_words(self.alt, "A plot of a panel")
        if not hasattr(self.figure, "savefig"):
            raise PainLabError(
                f"A plot of a panel is a {type(self.figure).__name__}: give a matplotlib figure."
            )
        with matplotlib.rc_context({"svg.hashsalt": "painlab"}):  # equal plots, equal names
            svg = style.figure_svg(self.figure)
        svg = re.sub(r'((?:id="|href="#|url\(#))plot\d+-', rf"\g<1>{name}-", svg)
        return [
            f'<div class="pl-part" role="img" aria-label="{html.escape(self.alt)}">',
            *re.split(r'(?=<(?:g id="|defs>))', svg),  # axes and letters are alike in many plots
            "</div>",
        ]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A short table in a panel; what is in its cells is written as it is.

    Attributes:
        head: one heading a column.
        rows: of as many cells; the first is the name of its row.
        title: words above it.
        strong: the row that stands out.

    Example:
        >>> "<td>2</td>" in Table(head=["", "count"], rows=[["eyes", 2]]).pieces("")[0]
        True
    """

    head: Sequence
    rows: Sequence[Sequence]
    title: str = ""
    strong: int | None = None

    def pieces(self, name: str) -> list[str]:
        """The HTML; ``name`` is not used."""
        if wrong := [row for row in self.rows if len(row) != len(self.head)]:
            raise PainLabError(
                f"A table of a panel has {len(self.head)} headings and a row of {len(wrong[0])} "
                "cells: give one cell a heading."
            )
        title = f"<caption>{_text(self.title)}</caption>" if self.title else ""
        head = "".join(
            f'<th scope="col">{_text(cell)}</th>' if str(cell) else "<td></td>"
            for cell in self.head
        )
        body = "".join(
            f'<tr{" class=pl-strong" if n == self.strong else ""}><th scope="row">{_text(row[0])}'
            f"</th>{''.join(f'<td>{_text(cell)}</td>' for cell in row[1:])}</tr>"
            for n, row in enumerate(self.rows)
        )
        return [
            f'<table class="pl-part">{title}<thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table>"
        ]


class Panel:
    """What an explorer shows for one choice: parts beside each other, and the answer in words.

    Args:
        parts: a :class:`Picture`, :class:`Plot` or :class:`Table` each.
        answer: one or two sentences with what there is to learn here; read out to those who
            cannot see the parts.

    Raises:
        PainLabError: if there are no parts or no words.
    """

    def __init__(self, *parts, answer: str):
        if not parts or not all(isinstance(part, Picture | Plot | Table) for part in parts):
            kinds = ", ".join(type(part).__name__ for part in parts) or "nothing"
            raise PainLabError(f"A panel holds {kinds}: give Picture, Plot and Table.")
        need_words(answer, "The answer of a panel")
        self.parts, self.answer = parts, answer


def frame_html(place: Sequence[float]) -> str:
    """A frame drawn on a picture: left, top, width and height as shares of its sides."""
    left, top, width, height = (round(100 * float(share), 3) for share in place)
    return (
        f'<span class="pl-mark" style="left:{left}%;top:{top}%;width:{width}%;height:{height}%">'
        "</span>"
    )


def need_words(text: str, what: str) -> None:
    """Refuse a text that says nothing."""
    if not text.strip():
        raise PainLabError(f"{what} has no words: say in one sentence what there is to see.")


def _text(cell) -> str:
    return html.escape(str(cell))
