import copy
import json

import numpy as np
import pytest
import torch
from small import drifting, portrait, telling_framework

import painlab as pl
from painlab.errors import WeightsError
from painlab.prediction import window_frames
from painlab.video import write_video


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    return portrait()


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    """Small videos of one portrait that drifts, with and without gaps."""
    folder = tmp_path_factory.mktemp("videos")
    drift = drifting(30, across=0.5)
    gap = drift.copy()
    gap[10:16] = 0
    late = np.concatenate([np.zeros_like(drift[:20]), drift[:6]])
    for name, frames in {
        "drift": drift, "gap": gap, "late": late, "still": drift[:1], "black": drift[:5] * 0,
        "two": np.concatenate([drift[:4], drift[:4, ::2, ::2].repeat(2, axis=1)], axis=2),
    }.items():  # fmt: skip
        write_video(folder / f"{name}.mp4", frames, fps=25)
    return folder


@pytest.fixture(scope="session")
def model():
    return telling_framework(frames=12)


@pytest.mark.parametrize(
    ("frames", "length", "hop"),
    [(1, 138, 25), (138, 138, 25), (139, 138, 25), (500, 138, 25), (7, 3, 10), (9, 3, 3)],
)
def test_windows_cover_every_frame_and_end_with_the_video(frames, length, hop):
    windows = window_frames(frames, length=length, hop=hop)
    assert windows[0][0] == 0
    assert windows[-1][1] == frames
    assert all(end - start == min(length, frames) for start, end in windows)
    assert len(set(windows)) == len(windows)
    assert set().union(*(range(*w) for w in windows)) == set(range(frames))


def test_a_hop_of_no_whole_number_of_frames_does_not_drift():
    starts = [start for start, _ in window_frames(6250, length=35, hop=6.25)][:-1]
    assert np.abs(np.array(starts) - 6.25 * np.arange(len(starts))).max() <= 0.5
    assert len(starts) == -(-(6250 - 35) // 6.25)


def test_predict_is_the_sum_of_its_parts(videos, model):
    """What `predict` says is what the parts say when they are called one by one."""
    prediction = pl.predict(videos / "drift.mp4", model=model, hop=0.4)
    assert prediction.windows == ((0, 12), (10, 22), (18, 30))
    faces = pl.FaceAligner()(pl.read_video(videos / "drift.mp4").frames)
    assert faces.found.all()
    with torch.inference_mode():
        clips = torch.stack([pl.frames_to_tensor(faces.frames[a:b]) for a, b in prediction.windows])
        expected = model.eval()(clips).softmax(-1).numpy()
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-4)
    np.testing.assert_allclose(prediction.probabilities.sum(1), 1, atol=1e-5)
    assert np.ptp(prediction.probabilities[:, 0]) > 1e-5
    assert prediction.classes == ("no pain", "mild", "moderate", "severe", "very severe")


def test_the_pieces_in_which_a_video_is_read_do_not_matter(videos, model):
    few = pl.predict(videos / "gap.mp4", model=model, frames_at_once=4)
    many = pl.predict(videos / "gap.mp4", model=model, frames_at_once=100)
    # networks give other last digits for other batch sizes, and pixels are rounded to whole numbers
    np.testing.assert_allclose(few.probabilities, many.probabilities, atol=2e-3)
    np.testing.assert_array_equal(few.found, many.found)


def test_frames_without_a_face_are_named_and_do_not_count(videos, model):
    prediction = pl.predict(videos / "gap.mp4", model=model, hop=0.24)
    assert prediction.frames_without_face == ((10, 16),)
    told = prediction.to_dict()
    assert told["frames_without_face"] == [{"first": 10, "last": 15, "start": 0.4, "end": 0.64}]
    assert told["frames_with_face"] == 24
    assert not np.isnan(prediction.over_time()).any()


def test_a_window_without_a_face_has_no_answer(videos, model):
    prediction = pl.predict(videos / "late.mp4", model=model, hop=0.48)
    assert prediction.windows[0] == (0, 12)
    assert np.isnan(prediction.probabilities[0]).all()
    assert np.isfinite(prediction.probabilities[-1]).all()
    told = json.loads(json.dumps(prediction.to_dict(), allow_nan=False))
    assert told["windows"][0]["probabilities"] is None
    assert "no answer" in prediction.table().splitlines()[1]
    over_time = prediction.over_time()
    assert np.isnan(over_time[:12]).all()
    assert np.isfinite(over_time[-6:]).all()


def test_one_frame_is_one_window(videos, model):
    prediction = pl.predict(videos / "still.mp4", model=model)
    assert prediction.windows == ((0, 1),)
    assert prediction.probabilities.shape == (1, 5)


def test_of_two_faces_the_larger_is_followed(videos, model, astronaut):
    faces = pl.predict(videos / "two.mp4", model=model).faces
    middle = faces.boxes[:, [0, 2]].mean(axis=1)
    assert (middle < astronaut.shape[1]).all()


def test_the_shipped_pain_model_says_what_it_has_never_seen(videos):
    prediction = pl.predict(videos / "still.mp4")
    assert prediction.trained
    assert prediction.fps == 6.25
    assert prediction.classes == ("no pain", "pain")
    assert "pain-synthpain" in prediction.weights
    assert "tnt-ti-synthface" in prediction.weights
    assert "never seen a person in pain" in prediction.notice
    assert "not a medical device" in prediction.notice
    named = pl.predict(videos / "still.mp4", model="pain-synthpain")
    np.testing.assert_array_equal(prediction.probabilities, named.probabilities)


def test_untrained_weights_are_called_so(videos, model, tmp_path):
    path = pl.save_model(model, tmp_path / "m.safetensors", trained_on="nothing")
    prediction = pl.predict(videos / "still.mp4", model=path)
    assert prediction.trained is False
    assert "mean nothing" in prediction.notice


def test_a_temporal_part_alone_brings_its_spatial_part(videos, tmp_path):
    from painlab.framework import FACES, PAIN, model_digest

    part = pl.load_model(PAIN)
    about = {"spatial": FACES, "spatial_digest": model_digest(pl.load_model(FACES))}
    path = pl.save_model(part, tmp_path / "t.safetensors", frames_per_second="6.25", **about)
    mine, shipped = (pl.predict(videos / "still.mp4", model=m) for m in (path, None))
    np.testing.assert_array_equal(mine.probabilities, shipped.probabilities)
    alone = pl.save_model(part, tmp_path / "alone.safetensors")
    with pytest.raises(WeightsError, match="whole PainFramework"):
        pl.predict(videos / "still.mp4", model=alone)
    other = pl.save_model(part, tmp_path / "o.safetensors", spatial=FACES, spatial_digest="0" * 16)
    with pytest.raises(WeightsError, match="another tnt-ti-synthface"):
        pl.predict(videos / "still.mp4", model=other)


def test_weights_say_where_they_come_from(videos, model, tmp_path):
    path = pl.save_model(
        model,
        tmp_path / "m.safetensors",
        trained_on="rendered faces",
        classes='["a","b","c","d","e"]',
    )
    prediction = pl.predict(videos / "still.mp4", model=path)
    assert prediction.trained
    assert str(path) in prediction.notice
    assert "They learned from rendered faces. " in prediction.notice
    assert prediction.to_dict()["trained_on"] == "rendered faces"
    assert "mean nothing" not in prediction.notice
    assert prediction.classes == tuple("abcde")
    unsaid = pl.save_model(model, tmp_path / "n.safetensors")
    assert "do not say" in pl.predict(videos / "still.mp4", model=unsaid).notice


def kept(model, folder, **about):
    return pl.save_model(model, folder / "kept.safetensors", **about)


@pytest.fixture(scope="session")
def long_video(tmp_path_factory, astronaut):
    """Two seconds at 25 frames a second, in which the head moves to and fro."""
    shift = np.round(30 * np.sin(np.arange(50) / 8)).astype(int)
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    write_video(path, np.stack([np.roll(astronaut, s, axis=1) for s in shift]), fps=25)
    return path


def test_a_model_made_for_fewer_frames_a_second(long_video, model, tmp_path):
    """Everything that is told is in its own frames; its faces are those of every fourth frame."""
    path = kept(model, tmp_path, frames_per_second="6.25")
    prediction = pl.predict(long_video, model=path, hop=0.16)
    assert prediction.fps == 6.25
    assert prediction.windows == ((0, 12), (1, 13))
    told = prediction.to_dict()
    assert told["frames_per_second"] == 6.25
    assert [(w["start"], w["end"]) for w in told["windows"]] == [(0, 1.92), (0.16, 2.08)]
    assert prediction.table().splitlines()[2].split()[:3] == ["0.16", "-", "2.08"]
    assert prediction.found.all()
    full = pl.FaceAligner()(pl.read_video(long_video).frames)
    apart = np.abs(prediction.faces.landmarks - full.landmarks[::4])[..., :2].mean((1, 2))
    assert apart.max() < 2  # pixels, of a face 120 wide
    frames = pl.read_video(long_video, fps=6.25).frames
    clips = pl.frames_to_tensor(pl.FaceAligner(block=2, detect_every=24)(frames).frames)
    with torch.inference_mode():
        expected = model.eval()(torch.stack([clips[:12], clips[1:]])).softmax(-1).numpy()
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-4)
    assert pl.predict(long_video, model=kept(model, tmp_path)).fps == 25


def test_an_annotated_video_has_the_frames_that_the_model_saw(long_video, model, tmp_path):
    from painlab.figures.annotate import annotate_video

    learned = "rendered faces, in words so many that they do not fit under the curves in one line"
    path = kept(model, tmp_path, frames_per_second="6.25", trained_on=learned)
    out = annotate_video(pl.predict(long_video, model=path), tmp_path / "out.mp4")
    drawn = pl.read_video(out)
    assert (len(drawn), drawn.fps) == (13, 6.25)
    plain = pl.read_video(long_video).frames[::4]
    height, width = plain.shape[1:3]
    left = (drawn.frames.shape[2] - width) // 2
    assert drawn.frames.shape[1] == height + 120 + 2 * 16
    picture = drawn.frames[:, :height, left : left + width].astype(int)
    assert np.median(np.abs(picture - plain)) < 4  # the right frames: the head has moved between


def test_claims_without_sense_are_refused_in_one_line(videos, model, tmp_path):
    for claim in (
        *({"frames_per_second": fps} for fps in ("", "fast", "0", "-25", "nan", "inf", "6,25")),
        *({"aligner": aligner} for aligner in ("fan", "[]", '"fan"', "3")),
    ):
        with pytest.raises(pl.errors.WeightsError, match=next(iter(claim))) as caught:
            pl.predict(videos / "still.mp4", model=kept(model, tmp_path, **claim))
        assert "\n" not in str(caught.value)
        assert "kept.safetensors" in str(caught.value)


def test_other_landmarks_than_the_models_are_warned_of_once(videos, model, tmp_path, recwarn):
    aligner = pl.FaceAligner(landmarks="fitted", device="cpu")
    same = kept(model, tmp_path, aligner=json.dumps({**aligner.description, "size": 99}))
    pl.predict(videos / "still.mp4", model=same, aligner=aligner)
    assert not len(recwarn)
    with pytest.warns(UserWarning, match=r"landmarks fitted.*landmarks embedded") as told:
        pl.predict(videos / "still.mp4", model=same, landmarks="embedded")
    assert len(told) == 1
    assert "\n" not in str(told[0].message)


def test_known_landmarks_are_told_of_where_a_video_has_none(videos, model, tmp_path):
    about = {"trained_on": "rendered faces.", "aligner": '{"landmarks": "truth"}'}
    prediction = pl.predict(videos / "still.mp4", model=kept(model, tmp_path, **about))
    assert "from rendered faces. Those faces were aligned by landmarks that were known" in (
        prediction.notice
    )
    assert "(embedded)" in prediction.notice


def test_the_model_is_left_in_its_modes(videos, model):
    model.train()
    model.spatial.eval()  # as it is while the temporal part alone is trained
    pl.predict(videos / "still.mp4", model=model)
    pl.count_flops(model.spatial, torch.zeros(1, 3, 224, 224))
    assert model.training
    assert model.temporal.training
    assert not any(part.training for part in model.spatial.modules())
    model.eval()


def test_a_model_in_half_precision(videos, model):
    half = copy.deepcopy(model).bfloat16()
    expected = pl.predict(videos / "still.mp4", model=model).probabilities
    told = pl.predict(videos / "still.mp4", model=half).probabilities
    np.testing.assert_allclose(told, expected, atol=0.05)


def test_damaged_weights_are_not_called_a_missing_face(videos, model, tmp_path):
    broken = copy.deepcopy(model)
    torch.nn.init.constant_(broken.temporal.classifier.bias, float("nan"))
    with pytest.raises(pl.PainLabError, match="weights"):
        pl.predict(videos / "still.mp4", model=broken)
    for names in ("nojson", "5", "null", "[1]"):
        path = pl.save_model(model, tmp_path / "m.safetensors", classes=names)
        with pytest.raises(pl.PainLabError, match="JSON"):
            pl.predict(videos / "still.mp4", model=path)


def test_annotated_large_video(astronaut, model, tmp_path):
    """Wider than 1280 pixels: made smaller, and the panel with it."""
    from painlab.figures.annotate import annotate_video

    wide = np.repeat(np.repeat(astronaut[:270], 6, axis=0), 6, axis=1)[:1620, :2160]
    write_video(tmp_path / "wide.mp4", wide[None], fps=25)
    path = annotate_video(pl.predict(tmp_path / "wide.mp4", model=model), tmp_path / "out.mp4")
    assert pl.read_video(path).frames.shape == (1, 960 + 120 + 16, 1280, 3)


@pytest.mark.parametrize("broken", ["black.mp4"])
def test_a_video_without_a_face_is_refused(videos, model, broken):
    with pytest.raises(pl.PainLabError, match=f"{broken}.*no face.*5 frames"):
        pl.predict(videos / broken, model=model)


def test_wrong_arguments_are_refused(videos, model, tmp_path):
    still = videos / "still.mp4"
    for arguments, names in (
        ({"hop": 0}, "hop"),
        ({"hop": float("inf")}, "hop"),
        ({"hop": float("nan")}, "hop"),
        ({"device": "meta"}, "meta"),
        ({"frames_at_once": 0}, "frames_at_once"),
        ({"device": "abacus"}, "abacus"),
        ({"aligner": pl.FaceAligner(size=64)}, "64"),
        ({"landmarks": "ears"}, "ears"),
        ({"model": pl.save_model(model.spatial, tmp_path / "tnt.safetensors")}, "TNT"),
    ):
        with pytest.raises(pl.PainLabError, match=names):
            pl.predict(still, **{"model": model, **arguments})


def test_annotated_video(videos, model, tmp_path):
    """Box, landmarks, inset and curve are drawn; where there is no face it says so."""
    from painlab.figures.annotate import annotate_video

    prediction = pl.predict(videos / "gap.mp4", model=model)
    path = annotate_video(prediction, tmp_path / "out.mp4")
    drawn, plain = pl.read_video(path), pl.read_video(videos / "gap.mp4")
    assert len(drawn) == 30
    assert drawn.frames.shape[1] > plain.frames.shape[1]
    height, width = plain.frames.shape[1:3]
    left = (drawn.frames.shape[2] - width) // 2
    picture = drawn.frames[:, :height, left : left + width].astype(int)
    changed = np.abs(picture - plain.frames).max(-1) > 60
    assert changed[0].mean() > 0.01
    assert 0 < changed[12].mean() < changed[0].mean()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4"]
