"""What `explain_video` finds: the same as its parts, in the window and for the class asked for."""

import json

import numpy as np
import pytest
import torch
from small import drifting, telling_framework

import painlab as pl
from painlab._explaining import even_shares
from painlab.alignment.warp import invert, transform_points
from painlab.explaining import explain_video
from painlab.figures.relevance_files import write_explanation
from painlab.video import read_video, video_info, write_video

FRAMES = 20


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A portrait that drifts, without a face in frames 3 and 4; the same with no face until 14."""
    drift = drifting(FRAMES, across=0.5, step=2)
    folder = tmp_path_factory.mktemp("explained")
    drift[3:5] = 0
    write_video(folder / "face.mp4", drift, fps=25)
    drift[:14] = 0
    write_video(folder / "late.mp4", drift, fps=25)
    return folder


@pytest.fixture(scope="module")
def model():
    return telling_framework(frames=8)


@pytest.fixture(scope="module")
def aligner():
    return pl.FaceAligner(landmarks="fitted", device="cpu")


@pytest.fixture(scope="module")
def explanation(videos, model, aligner):
    how = {"model": model, "aligner": aligner, "hop": 0.16}
    return explain_video(videos / "face.mp4", target=1, method="rollout", **how)


def test_it_is_the_sum_of_its_parts(videos, model, aligner, explanation):
    prediction = pl.predict(videos / "face.mp4", model=model, aligner=aligner, hop=0.16)
    np.testing.assert_allclose(explanation.prediction.probabilities, prediction.probabilities)
    assert explanation.number == int(prediction.probabilities[:, 1].argmax())
    assert explanation.window == prediction.windows[explanation.number]
    first, end = explanation.window
    clip = aligner(read_video(videos / "face.mp4").frames)
    faces, found = clip.frames[first:end], clip.found[first:end]
    difference = np.abs(explanation.faces.astype(int) - faces)
    assert difference.max() <= 2
    assert difference.mean() < 0.01
    expected = pl.relevance(
        model, pl.frames_to_tensor(faces)[None], target=1, method="rollout",
        mask=torch.from_numpy(found)[None],
    )  # fmt: skip
    np.testing.assert_array_equal(explanation.found, found)
    np.testing.assert_allclose(explanation.shares, even_shares(expected), rtol=0.02, atol=1e-4)
    assert explanation.relevance.target.tolist() == [1]
    np.testing.assert_allclose(explanation.times, np.arange(first, end) / 25)


def test_json_tells_it_all(explanation):
    told = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    assert told["target"] == 1
    assert told["target_name"] == "mild"
    assert told["classes"][4] == "very severe"
    assert told["method"] == "rollout"
    assert "not a medical device" in told["notice"]
    assert told["window"]["number"] == explanation.number
    assert len(told["window"]["probabilities"]) == 5
    assert told["patches"] == {"rows": 14, "columns": 14}
    assert len(told["frames"]) == 8
    assert sum(frame["relevance"] for frame in told["frames"]) == pytest.approx(1, abs=1e-4)
    for frame, share in zip(told["frames"], explanation.shares, strict=True):
        assert frame["relevance"] == pytest.approx(share / 8, abs=1e-5)
        assert np.sum(frame["patches"]) == pytest.approx(frame["relevance"], abs=1e-5)
    assert told["frames_without_face"][0]["first"] == 3
    assert told["seconds"]["relevance"] > 0


def test_the_window_and_the_class_can_be_chosen(videos, model, aligner):
    path = videos / "face.mp4"
    how = {"model": model, "aligner": aligner, "method": "random", "hop": 0.16}
    assert explain_video(path, window=2, **how).window == (8, 16)
    chosen = explain_video(path, start=0.21, target="No Pain", **how)
    assert chosen.prediction.windows == ((5, 13),)
    assert (chosen.target, chosen.target_name) == (0, "no pain")
    assert explain_video(path, **how).target == 4
    assert explain_video(path, target="3", window=0, **how).target_name == "severe"


def test_frames_without_a_face_have_no_relevance(videos, model, aligner):
    how = {"model": model, "aligner": aligner, "window": 0}
    first = explain_video(videos / "face.mp4", method="gradient-attention", **how)
    assert first.found.tolist() == [True] * 3 + [False] * 2 + [True] * 3
    assert first.shares[3:5].tolist() == [0, 0]
    assert not first.faces[3:5].any()
    assert [frame["face"] for frame in first.to_dict()["frames"]] == first.found.tolist()


def test_the_window_in_which_the_class_is_likeliest_has_a_face(videos, model, aligner):
    how = {"model": model, "aligner": aligner, "method": "random"}
    late = explain_video(videos / "late.mp4", hop=0.08, **how)
    assert late.found.any()
    with pytest.raises(pl.PainLabError, match=r"no frame from 0\.00 to 0\.32 s has a face"):
        explain_video(videos / "late.mp4", window=0, **how)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": 5}, r"target 5: this model has the classes 0 \(no pain\), 1 \(mild\)"),
        ({"target": "agony"}, "target 'agony'"),
        ({"target": -1}, "target -1"),
        ({"method": "magic"}, "method 'magic': choose one of chefer"),
        ({"window": 99}, "window 99: this video has the windows 0 to 2"),
        ({"window": -1}, "window -1: give a number from 0 on"),
        ({"start": 9.0}, r"the last window of this video begins at 0\.48 s"),
        ({"start": -1}, "start -1: give a number from 0 on"),
        ({"start": float("nan")}, "start nan"),
        ({"start": 0, "window": 0}, "give one of them"),
        ({"hop": 0}, "a number above 0"),
    ],
)
def test_what_is_not_there_is_refused(videos, model, aligner, options, words):
    with pytest.raises(pl.PainLabError, match=words):
        explain_video(videos / "face.mp4", model=model, aligner=aligner, **options)


def test_the_film_shows_relevance_in_colour_over_grey(explanation, tmp_path):
    """Where the model saw the face the film is grey, but for the relevance; below are the words."""
    path = tmp_path / "film.mp4"
    write_explanation(explanation, film=path)
    film = read_video(path)
    assert video_info(path).fps == 25
    assert len(film) == 8
    assert film.frames.shape[2] == 480  # at least so wide that words can be read
    assert film.frames.shape[1] > 180 + 168
    strongest = int(explanation.shares.argmax())
    source = next(f for i, f in enumerate(explanation.film()) if i == strongest)
    seen = film.frames[strongest, :180, 150:330].astype(int)
    assert np.abs(seen - source).mean() > 5
    values = explanation.relevance.spatial[0, strongest].numpy()  # rows cols
    transform = explanation.prediction.faces.transforms[explanation.window[0] + strongest]
    back = invert(transform.astype(np.float64))
    rows, cols = np.unravel_index(np.argsort(values, axis=None)[[0, -1]], values.shape)
    places = transform_points(np.stack([cols, rows], axis=1) * 16 + 7.5, back)  # in the film
    little, much = (np.ptp(seen[round(y), round(x)]) for x, y in places)
    assert much > 60  # yellow
    assert little < 30  # grey, as far as an encoded film keeps it


def test_both_files_appear_or_none(explanation, tmp_path, monkeypatch):
    figure, film = tmp_path / "figure.svg", tmp_path / "film.mp4"
    with monkeypatch.context() as broken:
        broken.setattr("painlab.figures.relevance_film._draw", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_explanation(explanation, figure=figure, film=film)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(pl.PainLabError, match=r"\.png or \.svg"):
        write_explanation(explanation, figure=tmp_path / "figure.gif", film=film)
    with pytest.raises(pl.PainLabError, match="cannot be written"):
        write_explanation(explanation, figure=tmp_path / "no" / "figure.png")
    write_explanation(explanation, figure=figure, film=film, level="fine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.svg", "film.mp4"]
    svg = figure.read_text()
    assert svg.count("<image") == 6 + 6 + 1
    assert "currentColor" not in svg  # it stands alone


def test_a_figure_without_matplotlib_is_refused(explanation, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(pl.PainLabError, match=r"painlab\[explain\]"):
        write_explanation(explanation, figure=tmp_path / "figure.png")
    write_explanation(explanation, film=tmp_path / "film.mp4")  # which needs none
