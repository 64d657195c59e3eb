"""What a reader of an explorer can set: a choice among names, or a place in a picture."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from painlab.errors import PainLabError
from painlab.figures.explorer_parts import frame_html, need_words
from painlab.figures.explorer_pictures import picture_url

KINDS = ("slider", "buttons", "select")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of several names.

    Attributes:
        name: what is chosen.
        options: the names in their order; numbers will do.
        kind: a "slider" for what has an order, "buttons" for a few, "select" for a list.
        start: the option chosen first.

    Raises:
        PainLabError: fewer than two options, an unknown kind, or a start that is none of them.

    Example:
        >>> Choice(name="Block", options=["1", "6", "12"], kind="buttons").size
        3
    """

    name: str
    options: Sequence
    kind: str = "slider"
    start: int = 0

    def __post_init__(self):
        need_words(self.name, "The name of a control")
        object.__setattr__(self, "labels", [str(option) for option in self.options])
        if self.kind not in KINDS:
            raise PainLabError(
                f"{self.name}: kind {self.kind!r} is not known; use {', '.join(KINDS)}."
            )
        check_start(self)

    @property
    def size(self) -> int:
        """How many options there are."""
        return len(self.labels)

    def to_html(self, number: int, name: str) -> str:
        """The control as HTML; ``number`` is its place, ``name`` one that only it has."""
        inside = getattr(self, f"_{self.kind}")(name)
        return f'<div class="pl-control" data-control="{number}">{inside}</div>'

    def to_widget(self, tell: Callable[[int], None]):
        """The control as a widget that tells what is chosen."""
        import ipywidgets

        kinds = {
            "slider": ipywidgets.SelectionSlider,
            "buttons": ipywidgets.ToggleButtons,
            "select": ipywidgets.Dropdown,
        }
        options = [(label, number) for number, label in enumerate(self.labels)]
        widget = kinds[self.kind](options=options, value=self.start, description=self.name)
        widget.style.description_width = "initial"
        widget.observe(lambda change: tell(change["new"]), names="value")
        return widget

    def _slider(self, name: str) -> str:
        label = html.escape(self.labels[self.start])
        wide = max(len(label) for label in self.labels)
        return (
            f'<label for="{name}">{html.escape(self.name)}</label>'
            f'<input type="range" id="{name}" min="0" max="{self.size - 1}" step="1" '
            f'value="{self.start}" aria-valuetext="{label}">'
            f'<output aria-hidden="true" style="min-width:{wide}ch">{label}</output>'
        )

    def _buttons(self, name: str) -> str:
        buttons = "".join(
            f'<label><input type="radio" name="{name}" value="{n}"'
            f"{' checked' if n == self.start else ''}><span>{html.escape(label)}</span></label>"
            for n, label in enumerate(self.labels)
        )
        return (
            f'<span id="{name}">{html.escape(self.name)}</span>'
            f'<span class="pl-buttons" role="radiogroup" aria-labelledby="{name}">{buttons}</span>'
        )

    def _select(self, name: str) -> str:
        options = "".join(
            f'<option value="{n}"{" selected" if n == self.start else ""}>{html.escape(label)}'
            "</option>"
            for n, label in enumerate(self.labels)
        )
        return (
            f'<label for="{name}">{html.escape(self.name)}</label>'
            f'<select id="{name}">{options}</select>'
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureGrid:
    """A place in a picture that is cut into rows and columns.

    The mouse previews the place it points at and a click keeps it; the arrow keys go from place to
    place.

    Attributes:
        name: what is chosen.
        picture: uint8 (height width) or (height width c).
        rows: into how many rows it is cut.
        cols: and into how many columns.
        alt: what there is to see.
        start: the place chosen first, counted along the rows.
        labels: one name a place; its number, row and column, from 0 on, if None.
        width: on the page, in pixels.
        smooth: a photograph; otherwise its pixels are drawn as squares.

    Raises:
        PainLabError: fewer than two places, a start outside, labels that do not fit, or no words.

    Example:
        >>> grid = PictureGrid(name="Patch", picture=np.zeros((8, 8), np.uint8), rows=2, cols=2,
        ...                    alt="Black.")
        >>> grid.labels[3]
        '3 (row 1, column 1)'
    """

    name: str
    picture: np.ndarray
    rows: int
    cols: int
    alt: str
    start: int = 0
    labels: Sequence[str] | None = None
    width: int = 336
    smooth: bool = True

    def __post_init__(self):
        need_words(self.name, "The name of a control")
        need_words(self.alt, f"{self.name}: the picture")
        if self.rows < 1 or self.cols < 1:
            raise PainLabError(
                f"{self.name}: a picture is cut into 1 row and 1 column at least, not "
                f"{self.rows} and {self.cols}."
            )
        places = self.rows * self.cols
        labels = self.labels or [
            f"{n} (row {n // self.cols}, column {n % self.cols})" for n in range(places)
        ]
        object.__setattr__(self, "labels", [str(label) for label in labels])
        if len(self.labels) != places:
            raise PainLabError(
                f"{self.name}: {len(self.labels)} labels for {places} places; give one a place."
            )
        check_start(self)
        object.__setattr__(self, "_url", picture_url(self.picture, smooth=self.smooth))

    @property
    def size(self) -> int:
        """How many places there are."""
        return self.rows * self.cols

    def to_html(self, number: int, name: str) -> str:
        """The control as HTML; ``number`` is its place, ``name`` one that only it has."""
        cells = [
            f'<div role="gridcell" aria-selected="{"true" if n == self.start else "false"}" '
            f'tabindex="{0 if n == self.start else -1}" aria-label="{html.escape(label)}"></div>'
            for n, label in enumerate(self.labels)
        ]
        rows = "".join(
            f'<div role="row">{"".join(cells[n : n + self.cols])}</div>'
            for n in range(0, self.size, self.cols)
        )
        return (
            f'<div class="pl-control pl-places" data-control="{number}" '
            f'style="width:{self.width}px"><span id="{name}">{html.escape(self.name)}: '
            f"<output>{html.escape(self.labels[self.start])}</output></span>"
            f'<div class="pl-layers">{self._image()}<div role="grid" aria-labelledby="{name}" '
            f'data-cols="{self.cols}" style="--pl-cols:{self.cols}">{rows}</div></div></div>'
        )

    def to_widget(self, tell: Callable[[int], None]):
        """The control as widgets, a slider for the row and one for the column."""
        import ipywidgets

        picture = ipywidgets.HTML(self._marked(self.start))
        row, column = (
            ipywidgets.IntSlider(value=at, min=0, max=most - 1, description=words)
            for at, most, words in (
                (self.start // self.cols, self.rows, "Row"),
                (self.start % self.cols, self.cols, "Column"),
            )
        )

        def go(_):
            place = row.value * self.cols + column.value
            picture.value = self._marked(place)
            tell(place)

        row.observe(go, names="value")
        column.observe(go, names="value")
        return ipywidgets.VBox([picture, row, column])

    def _image(self) -> str:
        look = "" if self.smooth else ' style="image-rendering:pixelated"'
        return f'<img src="{self._url}"{look} alt="{html.escape(self.alt)}">'

    def _marked(self, place: int) -> str:
        row, column = divmod(place, self.cols)
        mark = (column / self.cols, row / self.rows, 1 / self.cols, 1 / self.rows)
        return (
            f'<div style="width:{self.width}px;max-width:100%">{html.escape(self.name)}: '
            f"{html.escape(self.labels[place])}"
            f'<div class="pl-layers">{self._image()}{frame_html(mark)}</div></div>'
        )


def check_start(control: Choice | PictureGrid) -> None:
    """Refuse a control with nothing to choose, or a start that cannot be chosen."""
    if control.size < 2:
        raise PainLabError(f"{control.name}: {control.size} options are no choice; give two.")
    if not 0 <= control.start < control.size:
        raise PainLabError(
            f"{control.name}: start={control.start} is none of the options 0 to {control.size - 1}."
        )
