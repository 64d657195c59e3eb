"""Plots that can be read on light and dark pages, in colours safe for colour-blind readers.

A plot is drawn on nothing, and its text and lines take the colour that the page has for text: the
plot is put on the page as SVG, in which ``currentColor`` means that.
"""

import html
import io
import itertools
import re

from painlab.errors import PainLabError

# The palette of Okabe and Ito, "Color Universal Design", 2008; black is left to the page's ink.
COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "red": "#D55E00",
    "yellow": "#F0E442",
}

# A near black that nothing else is drawn with; it becomes currentColor on the page.
INK = "#010203"

_STYLE = {
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "figure.facecolor": "none",
    "font.size": 12.0,
    "grid.alpha": 0.18,
    "grid.color": INK,
    "image.cmap": "cividis",
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "patch.edgecolor": INK,
    "savefig.facecolor": "none",
    "svg.fonttype": "path",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}

_drawn = itertools.count()


def colour_cycle() -> list[str]:
    """The palette in the order in which lines take it."""
    return list(COLOURS.values())


def _use_style() -> None:
    import matplotlib
    from cycler import cycler

    matplotlib.rcParams.update({**_STYLE, "axes.prop_cycle": cycler(color=colour_cycle())})


def new_figure(rows: int = 1, columns: int = 1, *, size=(7.0, 3.6), **subplots):
    """A matplotlib figure in the book's style and its axes, as ``pyplot.subplots`` gives them.

    matplotlib asks for its settings when a legend or a text is added, so the style is set for the
    whole session, not for this figure alone.

    Args:
        rows: rows of axes.
        columns: columns of axes.
        size: width and height in inches; a page is about 7 wide.
        subplots: passed to ``Figure.subplots``, for example ``sharey=True``.

    Returns:
        The figure and one axes, or an array of them.
    """
    from matplotlib.figure import Figure

    _use_style()
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **subplots)


def figure_svg(figure) -> str:
    """The figure as an SVG element whose ink is the text colour of the page around it."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    # matplotlib's rule for all elements would hold for the whole page
    svg, rules = re.subn(r"<style[^>]*>[*]([{].*?[}])</style>", "", svg, count=1)
    # names must differ from plot to plot: a page holds many
    mark = f"plot{next(_drawn)}-"
    svg = re.sub(r' id="', f' id="{mark}', svg)
    svg = re.sub(r'(href="|url\()#', rf"\g<1>#{mark}", svg)
    head, rest = svg.split(">", 1)
    head = re.sub(r' (?:width|height)="[\d.]+pt"', "", head)
    pixels = round(figure.get_size_inches()[0] * 96)
    look = f"width:{pixels}px;max-width:100%;height:auto"
    lines = ";stroke-linejoin:round;stroke-linecap:butt" if rules else ""
    return f'{head} style="{look}{lines}">{rest}'


def figure_html(figure, *, alt: str, caption: str | None = None) -> str:
    """The figure as an HTML element with its alternative text."""
    if not alt.strip():
        raise PainLabError("A figure has no alternative text: say in alt= what there is to see.")
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure class="pl-figure"><div role="img" aria-label="{html.escape(alt)}">'
        f"{figure_svg(figure)}</div>{below}</figure>"
    )


def show(figure, *, alt: str, caption: str | None = None) -> None:
    """Put a figure on the page, with the text that stands for it where it cannot be seen.

    Args:
        figure: from :func:`new_figure`, or any matplotlib figure.
        alt: what there is to see, in one or two sentences.
        caption: text below the figure.

    Raises:
        PainLabError: if ``alt`` is empty.
    """
    from IPython.display import display

    bundle = {"text/html": figure_html(figure, alt=alt, caption=caption), "text/plain": alt}
    display(bundle, raw=True)
