"""FaceAligner from end to end: shapes, frames without a face, bad input, streaming."""

import numpy as np
import pytest

import painlab as pl
from painlab.errors import PainLabError


@pytest.fixture(scope="module")
def clip(aligner, portrait):
    """Six frames: the portrait drifts, and the fourth frame is black."""
    frames = np.zeros((6, 150, 170, 3), np.uint8)
    for i in (0, 1, 2, 4, 5):
        frames[i, 3 * i : 3 * i + 128, 5 * i : 5 * i + 128] = portrait
    return frames, aligner(frames)


def test_shapes_and_types(clip):
    _, aligned = clip
    expected = {
        "frames": (np.uint8, (6, 224, 224, 3)),
        "landmarks": (np.float32, (6, 68, 3)),
        "boxes": (np.float32, (6, 4)),
        "confidence": (np.float32, (6,)),
        "found": (np.bool_, (6,)),
        "transforms": (np.float32, (6, 2, 3)),
    }
    for name, (dtype, shape) in expected.items():
        assert getattr(aligned, name).dtype == dtype
        assert getattr(aligned, name).shape == shape
    assert len(aligned) == 6
    assert aligned.angles.shape == (6, 3)
    assert repr(aligned) == "AlignedClip(5 faces in 6 frames)"


def test_a_frame_without_a_face_is_marked_and_nothing_is_invented(clip):
    _, aligned = clip
    assert aligned.found.tolist() == [True, True, True, False, True, True]
    assert aligned.frames[3].max() == 0
    assert aligned.confidence[3] == 0
    assert np.isnan(aligned.landmarks[3]).all()
    assert np.isnan(aligned.boxes[3]).all()
    assert np.isnan(aligned.angles[3]).all()
    assert (aligned.transforms[3] == 0).all()
    assert (aligned.confidence[aligned.found] > 0.9).all()


def test_the_face_stands_still_in_the_aligned_frames(clip):
    _, aligned = clip
    shown = aligned.frames[aligned.found].astype(float)
    assert np.abs(shown[1:, 40:200, 40:180] - shown[0, 40:200, 40:180]).mean() < 12


def test_landmarks_boxes_and_transforms_are_in_pixels_of_the_input(clip):
    _, aligned = clip
    for i in (0, 5):
        eyes = aligned.landmarks[i, 36:48, :2].mean(0)
        assert np.abs(eyes - [52 + 5 * i, 42 + 3 * i]).max() < 4
        left, top, right, bottom = aligned.boxes[i]
        assert left < eyes[0] < right
        assert top < eyes[1] < bottom
        placed = aligned.transforms[i, :, :2] @ eyes + aligned.transforms[i, :, 2]
        assert np.abs(placed - [111.5, 89.1]).max() < 6


def test_every_kind_of_clip_that_can_come_in(aligner, portrait):
    assert len(aligner(np.zeros((0, 50, 60, 3), np.uint8))) == 0
    assert aligner(np.zeros((1, 8, 8, 3), np.uint8)).found.tolist() == [False]
    assert aligner(np.zeros((1, 1, 1, 3), np.uint8)).found.tolist() == [False]
    grey = portrait.mean(2, keepdims=True).astype(np.uint8).repeat(3, 2)
    assert aligner(grey[None]).found.all()
    noise = np.random.default_rng(0).integers(0, 256, (3, 120, 160, 3), dtype=np.uint8)
    assert not aligner(noise).found.any()
    strided = np.concatenate([portrait, portrait], 1)[None, :, ::-1][:, :, :128]
    assert aligner(strided).found.all()


def test_a_4k_frame(aligner, astronaut):
    frame = np.full((1, 2160, 3840, 3), 60, np.uint8)
    frame[0, 700:1724, 2000:3024] = astronaut.repeat(2, 0).repeat(2, 1)
    aligned = aligner(frame)
    eyes = aligned.landmarks[0, 36:48, :2].mean(0)
    assert np.abs(eyes - [2000 + 2 * 225, 700 + 2 * 108]).max() < 20


def test_size_is_the_callers(portrait):
    aligner = pl.FaceAligner(landmarks="fitted", size=96, device="cpu")
    small = aligner(portrait[None])
    assert small.frames.shape == (1, 96, 96, 3)
    large = pl.FaceAligner(landmarks="fitted", device="cpu")(portrait[None])
    ratio = small.transforms[0, :, :2] / large.transforms[0, :, :2]
    assert np.allclose(ratio, 96 / 224)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([1, 2], "uint8 frames, not list"),
        (np.zeros((2, 50, 50, 3)), "uint8 frames, not float64"),
        (np.zeros((50, 50, 3), np.uint8), r"a single picture needs frames\[None\]"),
        (np.zeros((2, 3, 50, 50), np.uint8), r"not as \(2, 3, 50, 50\)"),
        (np.zeros((2, 50, 50, 4), np.uint8), "colours last"),
        (np.zeros((2, 0, 50, 3), np.uint8), "height width"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(aligner, frames, message):
    with pytest.raises(PainLabError, match=message):
        aligner(frames)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"landmarks": "dlib"}, "landmarks='dlib'"),
        ({"size": 0}, "size must be at least 1"),
        ({"min_face": -3}, "min_face"),
        ({"block": 0}, "block"),
        ({"detect_every": 0}, "detect_every"),
        ({"min_confidence": 1.5}, "between 0 and 1"),
        ({"device": "toaster"}, "toaster"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(PainLabError, match=message):
        pl.FaceAligner(**{"landmarks": "embedded", "device": "cpu", **setting})


def test_streaming_gives_what_the_whole_clip_gives_one_for_one(aligner, clip):
    frames, whole = clip
    pieces = list(aligner.stream(frames[i : i + 4] for i in (0, 4)))
    assert [len(piece) for piece in pieces] == [4, 2]
    joined = pl.AlignedClip.join(pieces)
    assert np.array_equal(joined.found, whole.found)
    assert np.allclose(joined.landmarks, whole.landmarks, atol=1e-2, equal_nan=True)
    assert np.allclose(joined.transforms, whole.transforms, atol=1e-2)
    assert (np.abs(joined.frames.astype(int) - whole.frames) <= 2).mean() > 0.999


def test_streaming_reads_a_chunk_only_when_it_is_wanted(aligner, portrait):
    asked = []

    def chunks():
        for i in range(3):
            asked.append(i)
            yield portrait[None]

    stream = aligner.stream(chunks())
    next(stream)
    assert asked == [0]
    next(stream)
    assert asked == [0, 1]


def test_a_stream_whose_frames_change_their_size_is_refused(aligner, portrait):
    stream = aligner.stream([portrait[None], portrait[None, :100]])
    next(stream)
    with pytest.raises(PainLabError, match="after 128 × 128 pixels come 128 × 100"):
        next(stream)


def test_two_calls_know_nothing_of_each_other(aligner, portrait):
    first = aligner(portrait[None])
    aligner(np.roll(portrait, 20, 1)[None])
    again = aligner(portrait[None])
    assert np.array_equal(first.frames, again.frames)


def test_clips_of_different_size_are_not_joined(clip):
    _, aligned = clip
    other = pl.FaceAligner(landmarks="fitted", size=64, device="cpu")
    with pytest.raises(PainLabError, match="one size"):
        pl.AlignedClip.join([aligned, other(np.zeros((1, 40, 40, 3), np.uint8))])


def test_the_description_tells_aligners_apart(aligner):
    description = aligner.description
    assert description["landmarks"] == aligner.landmarks_used == "embedded"
    assert description["size"] == 224
    assert description["detector"].startswith("facenet-pytorch 2.5")
    assert len(description["template"]) == len(description["weights"]) == 10
    fitted = pl.FaceAligner(landmarks="fitted", device="cpu")
    assert fitted.description["landmarks"] == fitted.landmarks_used == "fitted"
    assert "weights" not in fitted.description


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives(clip):
    frames, on_cpu = clip
    on_gpu = pl.FaceAligner(landmarks="embedded", device="cuda")(frames)
    assert np.array_equal(on_gpu.found, on_cpu.found)
    assert np.allclose(on_gpu.landmarks, on_cpu.landmarks, atol=0.2, equal_nan=True)
