"""Curves under the frames of a slider, and the line that goes along with the frames."""

import re

import numpy as np
import pytest
from bs4 import BeautifulSoup

from painlab import PainLabError
from painlab.figures import frame_slider, new_figure
from painlab.figures.cursor import place_cursor


def frames(count=5):
    return [np.full((6, 8, 3), 40 * i, np.uint8) for i in range(count)]


def curves(rows=1):
    figure, axes = new_figure(rows, 1, size=(5, 3), squeeze=False, sharex=True)
    for ax in axes[:, 0]:
        ax.plot([0, 4], [0, 1])
        ax.set_xlim(0, 4)
    return figure


def slider(**options):
    return frame_slider(frames(), alt="Grey.", curves=curves(), at=range(5), **options)


def test_the_line_is_where_the_axis_says():
    figure = curves(rows=2)
    placed = place_cursor(figure, [0, 1, 4], alt="A line.")
    upper, lower = (axes.get_position() for axes in figure.axes)
    assert placed.lefts[0] == pytest.approx(100 * upper.x0, abs=0.01)
    assert placed.lefts[2] == pytest.approx(100 * upper.x1, abs=0.01)
    quarter = placed.lefts[0] + (placed.lefts[2] - placed.lefts[0]) / 4
    assert placed.lefts[1] == pytest.approx(quarter, abs=0.02)
    assert placed.top == pytest.approx(100 * (1 - upper.y1), abs=0.01)
    assert placed.top + placed.height == pytest.approx(100 * (1 - lower.y0), abs=0.02)


def test_the_curves_are_on_the_page_once_and_each_frame_knows_its_place():
    page = BeautifulSoup(slider(start=2).to_html(), "html.parser")
    (plot,) = page.select(".pl-curves")
    assert plot["role"] == "img"
    assert plot["aria-label"] == "Grey."
    assert len(page.select("svg")) == 2  # the plot and the button's sign
    places = [frame["data-cursor"] for frame in page.select(".pl-frame")]
    assert len(set(places)) == 5
    assert f"left:{places[2]}" in plot.select_one(".pl-cursor")["style"]


def test_a_slider_without_curves_has_no_line():
    page = BeautifulSoup(frame_slider(frames(), alt="Grey.").to_html(), "html.parser")
    assert page.select(".pl-curves, .pl-cursor, [data-cursor]") == []


def test_the_controls_are_as_wide_as_the_wider_of_both():
    assert "max-width:480px" in slider().to_html()
    assert "max-width:900px" in slider(width=900).to_html()


def test_the_widget_moves_the_line():
    _, plot, controls = slider().to_widget().children
    before = re.search(r"left:([\d.]+)%", plot.value).group(1)
    controls.children[1].value = 3
    after = re.search(r"left:([\d.]+)%", plot.value).group(1)
    assert float(after) > float(before)
    assert "position:absolute" in plot.value  # where the page's style sheet is not


@pytest.mark.parametrize(
    "options", [{"at": range(5)}, {"curves": curves()}, {"curves": curves(), "at": [0, 1]}]
)
def test_curves_need_one_place_a_frame(options):
    with pytest.raises(PainLabError, match="one place on their x axis for each of its 5 frames"):
        frame_slider(frames(), alt="Grey.", **options)


def test_a_figure_without_axes_is_refused():
    figure = curves()
    figure.clear()
    with pytest.raises(PainLabError, match="has no axes"):
        frame_slider(frames(), alt="Grey.", curves=figure, at=range(5))
