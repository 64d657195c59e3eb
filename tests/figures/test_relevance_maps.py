"""Relevance over faces: which frames are shown, where colours fall, what page and words say."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from matplotlib.backends.backend_agg import FigureCanvasAgg

import painlab as pl
from painlab import PainLabError
from painlab.errors import ShapeError
from painlab.figures import FrameSlider
from painlab.figures.clip_relevance import ClipRelevance
from painlab.figures.overlay import blend, colour_scale, lay_on_film, lay_over, map_of_clip, outline
from painlab.figures.relevance_maps import relevance_figure, relevance_slider, relevance_words
from painlab.figures.style import INK, figure_svg

K, SIDE, ROWS = 9, 64, 4
TIMES = np.arange(K) / 5
RISING = np.array([0.0, 0.0, 0.0, 0.2, 0.6, 0.9, 1.0, 0.5, 0.1])  # rest until 2, apex at 6


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (K, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def found() -> pl.Relevance:
    """Two clips; in the second all relevance lies on frame 5, two thirds of it in patch (3, 0)."""
    fine = torch.zeros(2, K, 4 * ROWS, 4 * ROWS)
    fine[0] = torch.rand(K, 4 * ROWS, 4 * ROWS, generator=torch.Generator().manual_seed(0))
    fine[1, 5, 14, 1], fine[1, 5, 2, 9] = 2.0, 1.0
    return pl.Relevance.of_sub_patches(
        fine, sub_patches=4, target=torch.tensor([1, 0]), method="chefer"
    )


def chosen(relevance, shown=6, **truth) -> list[int]:
    frames = np.zeros((K, 2, 2, 3), np.uint8)
    given = {"times": None, "intensity": None, "found": None} | truth
    return ClipRelevance(frames, relevance, 1, **given).choose(shown)


def test_frames_run_from_rest_to_apex_where_the_truth_is_known(found):
    assert chosen(found, 3, intensity=RISING) == [2, 4, 6]
    assert chosen(found, 50, intensity=RISING) == [2, 3, 4, 5, 6]
    assert chosen(found, 1, intensity=RISING) == [6]
    assert chosen(found, 2, intensity=RISING[::-1].copy()) == [0, 2]  # never at rest before


def test_without_the_truth_they_cover_the_clip_and_hold_the_greatest_relevance(found):
    assert chosen(found, 3) == [0, 5, 8]
    assert chosen(found, 3, intensity=np.zeros(K)) == [0, 5, 8]  # no pain is no apex
    assert chosen(found, [7, 1]) == [7, 1]


def test_frames_without_a_face_are_not_shown(found):
    there = np.ones(K, bool)
    there[[0, 4, 8]] = False
    assert set(chosen(found, 50, found=there)) == {1, 2, 3, 5, 6, 7}
    with pytest.raises(PainLabError, match="none of these frames has a face"):
        chosen(found, 3, found=np.zeros(K, bool))


def test_one_scale_holds_for_the_clip_or_for_each_frame(found):
    clip, frame = (map_of_clip(found, scale=scale) for scale in ("clip", "frame"))
    assert clip.shape == (K, ROWS, ROWS)
    assert clip.max() == 1
    np.testing.assert_allclose(frame.max(axis=(1, 2)), 1)
    ratio = clip.sum(axis=(1, 2)) / found.temporal[0].numpy()
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)  # proportions between frames stay
    empty = map_of_clip(found, clip=1, level="fine", scale="frame")
    assert empty.shape == (K, 4 * ROWS, 4 * ROWS)
    assert empty.sum(axis=(1, 2)).tolist() == [0, 0, 0, 0, 0, 1.5, 0, 0, 0]


def test_colours_fall_where_the_relevance_is(faces, found):
    values = map_of_clip(found, clip=1)[5]
    laid = lay_over(faces[5], values).astype(int)
    grey = lay_over(faces[5], np.zeros_like(values)).astype(int)
    assert np.ptp(grey, axis=2).max() == 0
    colour = np.ptp(laid, axis=2)  # none in grey
    patch = SIDE // ROWS
    assert colour[-patch // 2 - 1, patch // 2] > 60
    assert colour[:, -patch // 2 :].max() <= 3  # nothing far from it
    darker = colour_scale()[4].astype(float) @ [0.2126, 0.7152, 0.0722]
    assert darker[-1] > darker[128] > darker[40]  # the greatest is the lightest


def test_the_middle_of_a_patch_has_the_colour_of_its_value():
    values = np.random.default_rng(1).random((5, 5)).astype(np.float32)
    grey = np.full((45, 45, 3), 128, np.uint8)
    smooth, squares = lay_over(grey, values), blend(grey, values.repeat(9, 0).repeat(9, 1))
    middle = slice(4, None, 9)
    difference = smooth[middle, middle].astype(int) - squares[middle, middle]
    assert np.abs(difference).max() <= 3


def test_a_map_goes_back_to_its_place_in_the_film():
    film = np.zeros((90, 120, 3), np.uint8)
    film[:] = (200, 120, 60)
    turn, size = np.radians(30), 32
    linear = 0.8 * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    centre = np.array([70.0, 40.0])
    transform = np.column_stack([linear, (size - 1) / 2 - linear @ centre]).astype(np.float32)
    values = np.zeros((8, 8), np.float32)
    plain = lay_on_film(film, values, transform, size=size).astype(int)
    assert (plain[5, 5] == film[5, 5]).all()  # the film keeps its colours outside
    assert np.ptp(plain[40, 70]) <= 1  # and is grey inside
    values[2, 5] = 1  # its middle is at (21.5, 9.5) of the aligned face
    laid = lay_on_film(film, values, transform, size=size).astype(int)
    weight = np.abs(laid - plain).sum(axis=2)
    x, y = (np.indices(weight.shape)[::-1] * weight).sum(axis=(1, 2)) / weight.sum()
    expected = np.linalg.solve(linear, np.array([21.5, 9.5]) - transform[:, 2])
    np.testing.assert_allclose([x, y], expected, atol=0.2)
    corners = outline(transform, size=size)
    inside = corners @ linear.T + transform[:, 2]
    np.testing.assert_allclose(inside, [[-0.5, -0.5], [31.5, -0.5], [31.5, 31.5], [-0.5, 31.5]],
                               atol=1e-4)  # fmt: skip


@pytest.mark.parametrize("truth", [{}, {"times": TIMES, "intensity": RISING, "title": "A title."}])
@pytest.mark.parametrize("tensor", [False, True])
def test_the_figure_holds_faces_maps_and_the_curve(faces, found, truth, tensor):
    frames = torch.from_numpy(faces) if tensor else faces
    figure = relevance_figure(frames, found, clip=1, shown=3, note="Words. " * 40, **truth)
    svg = figure_svg(figure)
    assert INK not in svg
    assert "currentColor" in svg
    pictures = [image for axes in figure.axes for image in axes.images]
    assert len(pictures) == 3 + 3 + 1  # faces, maps, scale
    curve = figure.axes[-2 if truth else -1].lines[1]
    np.testing.assert_allclose(curve.get_ydata(), [0, 0, 0, 0, 0, K, 0, 0, 0])
    np.testing.assert_array_equal(curve.get_xdata(), TIMES if truth else np.arange(K))
    if truth:
        np.testing.assert_array_equal(figure.axes[-1].lines[0].get_ydata(), RISING)
        assert figure.axes[0].get_title() == "0.40 s"
    else:
        assert figure.axes[0].get_title() == "0"


def test_the_curve_is_of_pain_where_that_is_given(faces, found):
    said = np.linspace(0.1, 0.9, K)
    curve = relevance_figure(faces, found, pain=torch.from_numpy(said)).axes[-1]
    np.testing.assert_allclose(curve.lines[1].get_ydata(), said)
    assert curve.get_ylim()[1] == pytest.approx(1.08)
    assert "pain" in curve.get_ylabel()
    assert "relevance" not in curve.get_ylabel()
    with pytest.raises(ShapeError, match="pain must be one number for each"):
        relevance_figure(faces, found, pain=said[1:])


def test_nothing_in_a_figure_leaves_it(faces, found):
    """Letters of titles, notes and axes lie inside the picture, and no two titles over another."""
    title = "a_rather_long_name_of_a_video.mp4, 12.08 to 17.68 s: very severe, by a method's name"
    for shown in (1, 6, 9):
        figure = relevance_figure(
            faces, found, times=TIMES, intensity=RISING / 3, shown=shown, title=title,
            note="They learned from rendered faces. " * 8,
        )  # fmt: skip
        FigureCanvasAgg(figure).draw()
        inside = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert inside.x0 > -0.02
        assert inside.y0 > -0.02
        assert inside.x1 < width + 0.02
        assert inside.y1 < height + 0.02
        boxes = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
        boxes.sort(key=lambda box: box.x0)
        assert all(a.x1 <= b.x0 for a, b in pairwise(boxes))


def test_frames_without_a_face_leave_a_gap_in_the_curve(faces, found):
    there = np.ones(K, bool)
    there[2:4] = False
    figure = relevance_figure(faces, found, found=there)
    assert np.isnan(figure.axes[-1].lines[1].get_ydata()).nonzero()[0].tolist() == [2, 3]


def test_the_slider_has_every_frame_and_needs_no_network(faces, found):
    slider = relevance_slider(
        faces, found, clip=1, times=TIMES, intensity=RISING, caption="Of a test."
    )
    assert isinstance(slider, FrameSlider)
    html = slider.to_html()
    page = BeautifulSoup(html, "html.parser")
    frames = page.select(".pl-frame")
    assert [frame["data-label"] for frame in frames] == [f"{time:.2f} s" for time in TIMES]
    assert [n for n, frame in enumerate(frames) if not frame.has_attr("hidden")] == [5]
    assert len({frame["data-cursor"] for frame in frames}) == K
    assert page.select_one(".pl-curves svg")
    caption = page.find("figcaption").get_text()
    assert caption.startswith("Of a test. ")
    assert "4 × 4 numbers a frame" in caption
    assert "One scale for the whole clip" in caption
    outside = re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*""", html)
    assert [found for found in outside if "w3.org" not in found] == []
    other = relevance_slider(faces, found, level="fine", scale="frame")
    assert "16 × 16 numbers a frame" in other.caption
    assert "cannot be compared" in other.caption


def test_the_words_say_what_the_pictures_show(found):
    words = relevance_words(found, clip=1, times=TIMES, intensity=RISING)
    assert "The most falls on 1.00 s: 9.0 times an even share." in words
    assert "lower left of the picture" in words
    assert "true intensity is greatest at 1.20 s" in words
    nothing = pl.Relevance.of_sub_patches(
        torch.zeros(1, K, 8, 8), sub_patches=4, target=torch.tensor([0]), method="rollout"
    )
    assert "No frame has any relevance" in relevance_words(nothing)
    relevance_figure(np.zeros((K, 8, 8, 3), np.uint8), nothing)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"clip": 2}, PainLabError, "the clips 0 to 1"),
        ({"clip": -1}, PainLabError, "the clips 0 to 1"),
        ({"times": TIMES[:4]}, ShapeError, "times must be one number for each of 9 frames"),
        ({"intensity": [1.0]}, ShapeError, "intensity must be one number"),
        ({"found": [True]}, ShapeError, "found must be one number"),
        ({"shown": 0}, PainLabError, "from 1 on"),
        ({"shown": [0, 9]}, PainLabError, "the frames 0 to 8"),
        ({"shown": []}, PainLabError, "the frames 0 to 8"),
        ({"level": "pixels"}, PainLabError, "level 'pixels': choose one of spatial, fine"),
        ({"scale": "set"}, PainLabError, "scale 'set': choose one of clip, frame"),
    ],
)
def test_what_does_not_fit_is_refused(faces, found, options, error, words):
    with pytest.raises(error, match=words):
        relevance_figure(faces, found, **options)


def test_other_pictures_are_refused(faces, found):
    with pytest.raises(ShapeError, match="8 frames do not fit a relevance of 9"):
        relevance_slider(faces[:8], found)
    with pytest.raises(ShapeError, match="uint8 of shape"):
        relevance_figure(faces / 255, found)
