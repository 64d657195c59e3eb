"""Figures of the book: plots for both themes, pictures under a slider, verdicts of exercises."""

import base64
import io
import os
import re

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from nbclient import NotebookClient
from PIL import Image

from painlab import PainLabError
from painlab.figures import COLOURS, check, colour_cycle, frame_slider, new_figure
from painlab.figures.source import show_source
from painlab.figures.style import INK, figure_html, figure_svg


def a_plot():
    figure, axes = new_figure(size=(5, 3))
    axes.plot([0, 1], [0, 1], label="a line")
    axes.legend()
    axes.set_title("A title")
    return figure


def ramp(count=4, shape=(6, 8, 3)):
    return [np.full(shape, 60 * i, np.uint8) for i in range(count)]


def parsed(text):
    return BeautifulSoup(text, "html.parser")


def test_a_plot_takes_the_ink_of_its_page():
    svg = figure_svg(a_plot())
    assert "currentColor" in svg
    assert INK not in svg
    assert COLOURS["blue"].lower() in svg.lower()
    assert not re.search(r"fill: #(?:ffffff|000000)", svg)


def test_names_inside_plots_differ_and_lead_inside():
    text = figure_svg(a_plot()) + figure_svg(a_plot())
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(names) == len(set(names))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) <= set(names)
    assert "<style" not in text


def test_a_plot_is_as_wide_as_asked_and_shrinks():
    assert 'style="width:480px;max-width:100%;height:auto' in figure_svg(a_plot())


def test_a_plot_says_what_there_is_to_see():
    page = parsed(figure_html(a_plot(), alt='A "line" & more.', caption="Of <a> line"))
    assert page.find(role="img")["aria-label"] == 'A "line" & more.'
    assert page.find("figcaption").get_text() == "Of <a> line"


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_figure_without_words_is_refused(alt):
    with pytest.raises(PainLabError, match="alternative text"):
        figure_html(a_plot(), alt=alt)
    with pytest.raises(PainLabError, match="alternative text"):
        frame_slider(ramp(), alt=alt)


def test_the_colours_can_be_told_apart():
    colours = colour_cycle()
    assert len(set(colours)) == len(colours) == 7
    assert all(re.fullmatch(r"#[0-9A-F]{6}", colour) for colour in colours)


def test_a_slider_holds_its_frames_and_shows_the_first():
    page = parsed(frame_slider(ramp(), alt="Grey.", labels="abcd", start=2).to_html())
    frames = page.select(".pl-frame")
    assert [frame["data-label"] for frame in frames] == list("abcd")
    assert [frame.has_attr("hidden") for frame in frames] == [True, True, False, True]
    track = page.find("input", type="range")
    assert (track["min"], track["max"], track["value"]) == ("0", "3", "2")
    assert track["aria-label"] == "Frame"
    assert track["aria-valuetext"] == page.find("output").get_text() == "c"
    assert page.find("button")["aria-label"] == "Play"
    assert all("Grey." in img["alt"] for img in page.find_all("img"))


def test_a_slider_needs_nothing_from_elsewhere():
    text = frame_slider([*ramp(2), a_plot()], alt="Grey, then a line.").to_html()
    outside = re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*""", text)
    assert [found for found in outside if "w3.org" not in found] == []


def test_frames_keep_their_pixels_at_full_quality():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (16, 20, 3), dtype=np.uint8)
    page = parsed(frame_slider([frame], alt="Noise.", quality=100).to_html())
    data = base64.b64decode(page.find("img")["src"].removeprefix("data:image/webp;base64,"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), frame)


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 1), (6, 8, 3), (6, 8, 4)])
def test_grey_colour_and_transparent_frames_are_taken(shape):
    assert frame_slider(ramp(2, shape), alt="Grey.").width == 8


def test_sliders_of_a_page_have_names_of_their_own():
    pages = [parsed(frame_slider(ramp(), alt="Grey.").to_html()) for _ in range(2)]
    first, second = (page.find("figure")["id"] for page in pages)
    assert first != second
    assert all(page.find("figure")["id"] in page.find("script").get_text() for page in pages)


def test_text_of_a_slider_is_no_markup():
    text = '<script>alert("x")</script> $id {look}'
    slider = frame_slider(ramp(1), alt=text, labels=[text], name=text, caption=text)
    page = parsed(slider.to_html())
    assert len(page.find_all("script")) == 1
    assert page.find("figcaption").get_text() == text
    assert page.find(class_="pl-frame")["data-label"] == text


@pytest.mark.parametrize(
    ("frames", "options", "words"),
    [
        ([], {}, "no frames"),
        (ramp(2), {"labels": ["a"]}, "2 frames and 1 labels"),
        (ramp(2), {"start": 2}, "start=2"),
        ([np.zeros((4, 4, 3))], {}, "float64"),
        ([np.zeros(4, np.uint8)], {}, r"\(4,\)"),
    ],
)
def test_what_cannot_be_shown_is_refused(frames, options, words):
    with pytest.raises(PainLabError, match=words):
        frame_slider(frames, alt="Grey.", **options)


def test_the_widget_moves_its_picture():
    box = frame_slider(ramp(), alt="Grey.", labels="abcd", caption="Below.").to_widget()
    picture, controls, caption = box.children
    _, slider, label = controls.children
    before = picture.value
    slider.value = 3
    assert picture.value != before
    assert label.value == "d"
    assert caption.value == "Below."


def outputs_of(code: str, *, static: bool) -> list[dict]:
    """The data of what a cell shows in a live kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    env = {key: value for key, value in os.environ.items() if key != "PAINLAB_STATIC"}
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    client.execute(env={**env, **({"PAINLAB_STATIC": "1"} if static else {})})
    return [o["data"] for o in notebook.cells[0].outputs if "data" in o]


A_SLIDER = "frame_slider([np.zeros((4, 4), np.uint8)] * 2, alt='Black.')"
AN_EXPLORER = (
    "explore(lambda n: Panel(Table(head=['n'], rows=[[n]]), answer=str(n)), "
    "controls=[Choice(name='n', options='ab')], alt='A number.')"
)


@pytest.mark.slow
@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize(
    ("code", "name"), [(A_SLIDER, "pl-slider"), (AN_EXPLORER, "pl-explorer")], ids=lambda x: x[:9]
)
def test_a_figure_is_html_in_the_book_and_a_widget_in_jupyter(code, name, static):
    names = "Choice, Panel, Table, explore, frame_slider"
    code = f"import numpy as np\nfrom painlab.figures import {names}\n{code}"
    (data,) = outputs_of(code, static=static)
    widget = "application/vnd.jupyter.widget-view+json"
    assert (widget in data) is not static
    assert (name in data.get("text/html", "")) is static


class Shown:
    """Stands for IPython's display and keeps what it was given."""

    def __init__(self, monkeypatch):
        self.pages = []
        monkeypatch.setattr("IPython.display.display", self)

    def __call__(self, bundle, raw):
        self.pages.append(bundle)

    @property
    def verdict(self) -> str:
        return parsed(self.pages[-1]["text/html"]).div["data-verdict"]


@pytest.fixture
def shown(monkeypatch):
    return Shown(monkeypatch)


def blank_result(x):
    return ...


def blank_body(x): ...


def blank_argument(x):
    return x.sum(..., keepdim=True)


def filled(x):
    return x[..., None]


class BlankLayer:
    """A layer whose method is still open."""

    def forward(self, x):
        return ...


class FilledLayer:
    """A layer without a blank."""

    def forward(self, x):
        return x[..., 0]


@pytest.mark.parametrize("answer", [..., blank_result, blank_body, blank_argument, BlankLayer])
def test_a_blank_answer_is_not_yet(answer, shown):
    @check(answer)
    def verdict():
        raise AssertionError("must not be asked")

    assert shown.verdict == "blank"
    assert shown.pages[-1]["text/plain"].startswith("Not yet.")


@pytest.mark.parametrize("answer", [0, None, filled, FilledLayer, "..."])
def test_a_filled_answer_is_tried(answer, shown):
    @check(answer)
    def verdict():
        assert True

    assert shown.verdict == "right"


def test_a_wrong_answer_is_told_why(shown):
    @check(1)
    def verdict():
        raise AssertionError("one row <each>")

    assert shown.verdict == "wrong"
    assert "one row &lt;each&gt;" in shown.pages[-1]["text/html"]
    assert shown.pages[-1]["text/plain"] == "Not right. one row <each>"


def test_an_answer_that_raises_is_wrong_and_stops_nothing(shown):
    @check(filled)
    def verdict():
        filled(3)

    assert shown.verdict == "wrong"
    assert "TypeError" in shown.pages[-1]["text/plain"]


def test_one_blank_among_answers_is_enough(shown):
    @check(filled, ..., 3)
    def verdict():
        raise AssertionError("must not be asked")

    assert shown.verdict == "blank"


def test_the_source_shown_is_the_library_s_own():
    code = show_source("painlab.figures.style:new_figure")
    assert "def new_figure(" in code.data
    assert "def show(" not in code.data
    assert "def show(" in show_source("painlab.figures.style").data
