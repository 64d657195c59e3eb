"""Figures that answer: the same panels in the page and in Jupyter, each of them within reach."""

import base64
import io
import itertools
import json
import re

import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from painlab import PainLabError
from painlab.figures import (
    Choice,
    Panel,
    Picture,
    PictureGrid,
    Plot,
    Table,
    explore,
    heat_map,
    new_figure,
    value_map,
)
from painlab.figures.explorer_pictures import picture_url

BLACK = np.zeros((4, 6, 3), np.uint8)


def grid(**more):
    return PictureGrid(name="Place", picture=BLACK, rows=2, cols=3, alt="Black.", start=4, **more)


def controls():
    return [
        Choice(name="Letter", options="abc", start=1),
        Choice(name="Side", options=["left", "right"], kind="buttons"),
        grid(),
    ]


def render(letter, side, place):
    table = Table(head=["", "value"], rows=[["letter", "abc"[letter]], ["side", side]])
    shade = Picture(image=np.full((2, 2), 40 * place, np.uint8), alt=f"Grey {place}.")
    return Panel(table, shade, answer=f"{'abc'[letter]} {side} {place}")


def an_explorer(**more):
    return explore(render, controls=controls(), alt="Letters.", **more)


def parsed(text):
    return BeautifulSoup(text, "html.parser")


def store_of(page):
    return json.loads(page.find("script", type="application/json").string)


def in_the_page(store, *chosen):
    """What the script of the page puts together for one option a control."""
    number = 0
    for option, size in zip(chosen, store["sizes"], strict=True):
        number = number * size + option
    *parts, answer = (store["pieces"][n] for n in store["panels"][store["at"][number]])
    return "".join(parts), answer


def every_choice():
    return itertools.product(range(3), range(2), range(6))


def test_every_choice_shows_its_own_panel_in_the_page():
    explorer = an_explorer()
    store = store_of(parsed(explorer.to_html()))
    for letter, side, place in every_choice():
        panel, answer = in_the_page(store, letter, side, place)
        assert (panel, answer) == explorer.panel(letter, side, place)
        assert answer == f"{'abc'[letter]} {side} {place}"
        assert f"<td>{'abc'[letter]}</td>" in panel
        assert f'alt="Grey {place}."' in panel


def test_the_widgets_show_the_same_panels():
    explorer = an_explorer(caption="Below.")
    _, letter, side, both, words, caption = explorer.to_widget().children
    place, shown = both.children
    _, row, column = place.children
    assert caption.value == "Below."
    for chosen in every_choice():
        letter.value, side.value = chosen[:2]
        row.value, column.value = divmod(chosen[2], 3)
        panel, answer = explorer.panel(*chosen)
        assert shown.value == f'<div class="pl-panel">{panel}</div>'
        assert words.value == f"<p>{answer}</p>"


def test_both_forms_begin_with_the_start():
    explorer = an_explorer()
    panel, answer = explorer.panel(1, 0, 4)
    page = parsed(explorer.to_html())
    assert page.select_one(".pl-panel").decode_contents() == parsed(panel).decode_contents()
    assert page.select_one(".pl-answer").get_text() == answer
    _, letter, side, both, _ = explorer.to_widget().children
    place, shown = both.children
    assert (letter.value, side.value) == (1, 0)
    assert [part.value for part in place.children[1:]] == [1, 1]
    assert panel in shown.value


def test_a_reader_can_hear_and_reach_every_control():
    page = parsed(an_explorer().to_html())
    track = page.find("input", type="range")
    assert page.find("label", attrs={"for": track["id"]}).get_text() == "Letter"
    assert track["aria-valuetext"] == "b"
    buttons = page.select("[role=radiogroup] input")
    assert [button.has_attr("checked") for button in buttons] == [True, False]
    assert len({button["name"] for button in buttons}) == 1
    assert page.find(id=page.select_one("[role=radiogroup]")["aria-labelledby"]).get_text() == (
        "Side"
    )
    cells = page.select("[role=grid] > [role=row] > [role=gridcell]")
    assert [cell["tabindex"] for cell in cells] == ["-1", "-1", "-1", "-1", "0", "-1"]
    assert cells[4]["aria-selected"] == "true"
    assert cells[4]["aria-label"] == "4 (row 1, column 1)"
    assert page.select_one(".pl-answer")["aria-live"] == "polite"
    assert all(image["alt"].strip() for image in page.find_all("img"))


def test_a_list_can_be_chosen_from():
    choice = Choice(name="Who", options=["Ada", "Bo"], kind="select", start=1)
    explorer = explore(
        lambda n: Panel(Table(head=["n"], rows=[[n]]), answer=str(n)), controls=[choice], alt="n."
    )
    page = parsed(explorer.to_html())
    assert [o.get_text() for o in page.select("option")] == ["Ada", "Bo"]
    assert page.select_one("option[selected]").get_text() == "Bo"
    assert page.find("label")["for"] == page.find("select")["id"]
    assert explorer.to_widget().children[1].value == 1


def test_what_is_alike_is_held_once():
    face = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    lit = heat_map(np.eye(4))

    def same(n):
        return Panel(Picture(image=lit, under=face, alt="Alike."), answer="Alike.")

    many = explore(same, controls=[Choice(name="n", options=range(50))], alt="Alike.")
    text = many.to_html()
    assert text.count(picture_url(face, smooth=True)) == 2  # what is shown first, and the store
    assert len(store_of(parsed(text))["panels"]) == 1


def test_equal_plots_are_one_panel_and_their_names_their_own():
    def plot(slope):
        figure, axes = new_figure(size=(3, 2))
        axes.plot([0, 1], [0, slope // 2])
        return Panel(
            Plot(figure=figure, alt="A line."), Plot(figure=figure, alt="Again."), answer="A line."
        )

    lines = explore(plot, controls=[Choice(name="Slope", options="0123")], alt="Lines.")
    other = explore(plot, controls=[Choice(name="Slope", options="0123")], alt="Lines.")
    assert lines.panel(0) == lines.panel(1) != lines.panel(2)
    text = lines.panel(0)[0] + other.panel(0)[0]
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(names) == len(set(names)) > 0
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) <= set(names)


@pytest.mark.parametrize("colours", [2, 4, 16, 256, 257])
@pytest.mark.parametrize("channels", [3, 4])
def test_small_maps_keep_every_pixel(colours, channels):
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, (colours, channels), dtype=np.uint8)
    image = palette[rng.integers(0, colours, (40, 30))]
    data = picture_url(image, smooth=False).removeprefix("data:image/png;base64,")
    read = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")
    np.testing.assert_array_equal(np.asarray(read)[..., :channels], image)


def test_a_map_of_patches_takes_some_hundred_bytes():
    rng = np.random.default_rng(0)
    assert len(picture_url(heat_map(rng.random((14, 14))), smooth=False)) < 450


def test_the_more_the_less_of_the_face_shows_through():
    shown = heat_map(np.array([[0.0, 0.25, 0.5, 1.0]]))
    opacity, light = shown[0, :, 3].astype(int), shown[0, :, :3].sum(axis=1, dtype=int)
    assert opacity[0] == 0
    assert (np.diff(opacity) > 0).all()
    assert (np.diff(light) > 0).all()


def test_values_beyond_the_ends_are_drawn_as_the_ends():
    low, bottom, high, top = value_map(np.array([[-9.0, -1.0, 9.0, 1.0]]), low=-1.0, high=1.0)[0]
    assert (low == bottom).all()
    assert (high == top).all()
    assert (low != high).any()


def test_text_of_an_explorer_is_no_markup():
    text = "</script><script>alert('x')</script> $id <b>"
    explorer = explore(
        lambda n: Panel(
            Table(head=[text], rows=[[text]], title=text),
            Picture(image=BLACK, alt=text, title=text),
            answer=text,
        ),
        controls=[
            Choice(name=text, options=[text, "b"], kind="select"),
        ],
        alt=text,
        caption=text,
    )
    page = parsed(explorer.to_html())
    assert len(page.find_all("script")) == 2
    assert page.find_all("b") == []
    assert page.select_one("caption").get_text() == text
    assert page.select_one(".pl-answer").get_text() == text
    assert page.select_one("option").get_text() == text
    assert in_the_page(store_of(page), 0) == explorer.panel(0)


def test_an_explorer_needs_nothing_from_elsewhere():
    outside = re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*""", an_explorer().to_html())
    assert outside == []


def answered(*parts, answer="Yes."):
    return lambda n: Panel(*parts, answer=answer)


TABLE = Table(head=["n"], rows=[[1]])
TWO = [Choice(name="n", options="ab")]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: explore(answered(TABLE), controls=[], alt="n."), "controls .* nothing"),
        (lambda: explore(answered(TABLE), controls=["n"], alt="n."), "controls .* str"),
        (lambda: explore(answered(TABLE), controls=TWO, alt=" "), "alternative text"),
        (lambda: explore(lambda n: TABLE, controls=TWO, alt="n."), r"\(0,\) .* a Table"),
        (lambda: Panel(answer="Yes."), "holds nothing"),
        (lambda: Panel("<b>", answer="Yes."), "holds str"),
        (lambda: Panel(TABLE, answer=""), "answer of a panel"),
        (lambda: Choice(name="n", options=["a"]), "1 options are no choice"),
        (lambda: Choice(name="n", options="ab", start=2), "start=2"),
        (lambda: Choice(name="n", options="ab", kind="dial"), "'dial'"),
        (lambda: Choice(name="", options="ab"), "name of a control"),
        (lambda: grid(labels=["a"]), "1 labels for 6 places"),
        (
            lambda: PictureGrid(name="n", picture=BLACK, rows=0, cols=2, alt="Black."),
            "not 0 and 2",
        ),
        (lambda: PictureGrid(name="n", picture=BLACK, rows=1, cols=2, alt=""), "n: the picture"),
        (
            lambda: PictureGrid(name="n", picture=np.zeros(3), rows=1, cols=2, alt="Black."),
            "float64",
        ),
        (lambda: Picture(image=BLACK, alt="").pieces(""), "picture of a panel"),
        (lambda: Plot(figure=3, alt="Three.").pieces(""), "a int:"),
        (lambda: Table(head=["a"], rows=[[1, 2]]).pieces(""), "1 headings and a row of 2"),
        (lambda: heat_map(np.array([[2.0]])), "from 2 to 2"),
        (lambda: value_map(np.array([[2.0]]), low=1.0, high=1.0), "no shades"),
        (lambda: an_explorer().panel(0, 0), "chooses no panel"),
        (lambda: an_explorer().panel(0, 2, 0), "chooses no panel"),
    ],
)
def test_what_cannot_be_shown_is_refused(make, words):
    with pytest.raises(PainLabError, match=words):
        make()
