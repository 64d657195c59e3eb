"""Figures that answer: the reader chooses, and sees what comes of it.

All that can be chosen is drawn beforehand. The book shows it as plain HTML that needs neither a
kernel nor a network, Jupyter as ipywidgets, both from the same pieces.
"""

import hashlib
import html
import itertools
import json
from collections.abc import Callable, Sequence

from painlab.errors import PainLabError
from painlab.figures.explorer_controls import Choice, PictureGrid
from painlab.figures.explorer_page import PAGE, STYLE
from painlab.figures.explorer_parts import Panel, need_words
from painlab.figures.slider import is_live

_made = itertools.count()


class Explorer:
    """Panels and the controls that choose among them, made by :func:`explore`."""

    def __init__(self, *, controls, panels, alt, caption):
        self.controls, self.alt, self.caption = controls, alt, caption
        self._name = f"pl-explorer-{next(_made)}"
        self._numbers: dict[str, int] = {}  # of each piece of HTML
        known: dict[tuple[int, ...], int] = {}  # of each panel, as the numbers of its pieces
        self._at = []  # which panel each choice shows
        for panel in panels:
            pieces = [
                self._numbers.setdefault(piece, len(self._numbers))
                for n, part in enumerate(panel.parts)
                for piece in part.pieces(f"{self._name}-{n}")
                if piece
            ]
            pieces.append(self._numbers.setdefault(panel.answer, len(self._numbers)))
            self._at.append(known.setdefault(tuple(pieces), len(known)))
        self._panels = list(known)
        self._pieces = list(self._numbers)

    @property
    def start(self) -> tuple[int, ...]:
        """What is chosen first, an option a control."""
        return tuple(control.start for control in self.controls)

    def panel(self, *chosen: int) -> tuple[str, str]:
        """The HTML of the panel for one option a control, and its answer.

        Raises:
            PainLabError: for options that there are not.
        """
        sizes = [control.size for control in self.controls]
        if len(chosen) != len(sizes) or any(
            not 0 <= option < size for option, size in zip(chosen, sizes, strict=False)
        ):
            raise PainLabError(
                f"{chosen} chooses no panel: the controls have {', '.join(map(str, sizes))} "
                "options."
            )
        number = 0
        for option, size in zip(chosen, sizes, strict=True):
            number = number * size + option
        *parts, answer = (self._pieces[n] for n in self._panels[self._at[number]])
        return "".join(parts), answer

    def to_html(self) -> str:
        """The explorer as one self-contained piece of HTML."""
        store = json.dumps(
            {
                "sizes": [control.size for control in self.controls],
                "start": self.start,
                "labels": [control.labels for control in self.controls],
                "pieces": self._pieces,
                "panels": self._panels,
                "at": self._at,
            },
            ensure_ascii=False,
            separators=(",", ":"),
        ).replace("<", "\\u003c")
        digest = hashlib.sha256(store.encode()).hexdigest()[:8]
        name = f"{self._name}-{digest}"
        choices, places = (
            "".join(
                control.to_html(number, f"{name}-{number}")
                for number, control in enumerate(self.controls)
                if isinstance(control, kind)
            )
            for kind in (Choice, PictureGrid)
        )
        panel, answer = self.panel(*self.start)
        return PAGE.substitute(
            id=name,
            style=STYLE,
            alt=html.escape(self.alt),
            choices=choices,
            places=places,
            panel=panel,
            answer=html.escape(answer),
            caption=f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else "",
            store=store,
        )

    def to_widget(self):
        """The explorer as an ipywidgets box, for a live kernel."""
        import ipywidgets

        chosen = list(self.start)
        shown, words = ipywidgets.HTML(layout={"flex": "1 1 20em"}), ipywidgets.HTML()

        def show():
            panel, answer = self.panel(*chosen)
            shown.value = f'<div class="pl-panel">{panel}</div>'
            words.value = f"<p>{html.escape(answer)}</p>"

        def teller(number):
            def tell(option):
                chosen[number] = option
                show()

            return tell

        widgets = [c.to_widget(teller(number)) for number, c in enumerate(self.controls)]
        show()
        pairs = list(zip(self.controls, widgets, strict=True))
        choices = [widget for control, widget in pairs if isinstance(control, Choice)]
        places = [widget for control, widget in pairs if isinstance(control, PictureGrid)]
        look = ipywidgets.HTML(f"<style>{STYLE}</style>")
        both = ipywidgets.HBox([*places, shown], layout={"flex_flow": "row wrap"})
        below = [ipywidgets.HTML(html.escape(self.caption))] if self.caption else []
        box = ipywidgets.VBox([look, *choices, both, words, *below])
        box.add_class("pl-explorer")
        return box

    def _ipython_display_(self):
        from IPython.display import display

        if is_live():
            display(self.to_widget())
        else:
            display({"text/html": self.to_html(), "text/plain": self.alt}, raw=True)


def explore(
    render: Callable[..., Panel],
    *,
    controls: Sequence,
    alt: str,
    caption: str | None = None,
) -> Explorer:
    """A figure in which the reader chooses, by mouse, touch or keyboard, and sees what comes of it.

    Args:
        render: draws the panel of one choice. It is called once for every combination, with the
            number of the option of each control, in their order.
        controls: what can be set: a :class:`Choice` or :class:`PictureGrid` each.
        alt: what the figure shows and what can be chosen, in one or two sentences.
        caption: text below the figure.

    Returns:
        An object that Jupyter and the book display.

    Raises:
        PainLabError: if there are no controls, no words, or ``render`` gives no :class:`Panel`.

    Example:
        >>> from painlab.figures import Choice, Table
        >>> def square(n):
        ...     return Panel(Table(head=["n", "n²"], rows=[[n, n * n]]), answer=f"{n * n}")
        >>> figure = explore(square, controls=[Choice(name="n", options="0123")], alt="Squares.")
        >>> figure.panel(3)[1]
        '9'
    """
    controls = list(controls)
    if not controls or not all(isinstance(c, Choice | PictureGrid) for c in controls):
        kinds = ", ".join(type(c).__name__ for c in controls) or "nothing"
        raise PainLabError(f"The controls of an explorer are {kinds}: give Choice and PictureGrid.")
    need_words(alt, "The alternative text of an explorer")
    panels = []
    for chosen in itertools.product(*(range(control.size) for control in controls)):
        panel = render(*chosen)
        if not isinstance(panel, Panel):
            raise PainLabError(
                f"For the options {chosen} an explorer was given a {type(panel).__name__}: "
                "render must return a Panel."
            )
        panels.append(panel)
    return Explorer(controls=controls, panels=panels, alt=alt, caption=caption)
