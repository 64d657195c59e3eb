"""Following a face: what is taken, what is given up, and that cutting a video changes nothing."""

import numpy as np
import pytest
import torch

from painlab.alignment.detect import FaceDetector
from painlab.alignment.follow import FaceFollower, overlap

FACE = np.array([30, 20, 75, 77])  # in the portrait


@pytest.fixture(scope="module")
def detector():
    return FaceDetector(device=torch.device("cpu"))


def scene(*people, height=160, width=320, grey=90):
    """A grey frame with portraits at their places."""
    frame = np.full((height, width, 3), grey, np.uint8)
    for picture, left, top in people:
        rows, cols = picture.shape[:2]
        frame[top : top + rows, left : left + cols] = picture
    return frame


def middles(faces):
    return (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2


def counted(detector, monkeypatch):
    """How many frames were searched."""
    frames_searched = []
    search = detector.search
    monkeypatch.setattr(
        detector, "search", lambda f, **k: frames_searched.append(len(f)) or search(f, **k)
    )
    return frames_searched


def test_overlap_worked_by_hand():
    boxes = np.array([[0.0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6]])
    assert np.allclose(overlap(boxes, np.array([0.0, 0, 2, 2])), [1, 1 / 7, 0])


def test_a_moving_face_is_followed_and_hardly_searched(detector, portrait, monkeypatch):
    frames = np.stack([scene((portrait, 10 + 2 * i, 5 + i // 2)) for i in range(40)])
    searched = counted(detector, monkeypatch)
    faces = FaceFollower(detector)(frames)
    assert sum(searched) == 8  # the first block
    place = middles(faces) - [[10 + 2 * i, 5 + i // 2] for i in range(40)]
    assert np.abs(place - [52, 48]).max() < 4
    assert faces.confidence.min() > 0.9


def test_a_face_that_jumps_is_found_again(detector, portrait):
    frames = np.stack([scene((portrait, 5 if i < 12 else 180, 10)) for i in range(24)])
    faces = FaceFollower(detector)(frames)
    assert np.abs(middles(faces)[11] - [57, 58]).max() < 5
    assert np.abs(middles(faces)[12:] - [232, 58]).max() < 5


def test_frames_without_the_face_are_marked_and_it_is_found_when_it_returns(detector, portrait):
    frames = np.stack([scene(*[(portrait, 40, 20)] * (not 10 <= i < 15)) for i in range(24)])
    faces = FaceFollower(detector)(frames)
    assert ((faces.confidence > 0) == [not 10 <= i < 15 for i in range(24)]).all()
    assert np.isnan(faces.boxes[10:15]).all()


def shrunk(portrait, size):
    import cv2

    return cv2.resize(portrait, (size, size), interpolation=cv2.INTER_AREA)


def test_of_two_faces_the_larger_is_taken(detector, portrait):
    small = shrunk(portrait, 80)
    for people in ([(portrait, 10, 10), (small, 200, 40)], [(small, 10, 40), (portrait, 180, 10)]):
        faces = FaceFollower(detector)(scene(*people)[None])
        left = next(left for picture, left, _ in people if picture is portrait)
        assert abs(middles(faces)[0, 0] - (left + 52)) < 5


def test_the_followed_face_is_kept_when_a_larger_one_comes(detector, portrait):
    small = shrunk(portrait, 96)
    alone = [scene((small, 10, 40))] * 10
    both = [scene((small, 10, 40), (portrait, 180, 10))] * 22
    faces = FaceFollower(detector, detect_every=8)(np.stack(alone + both))
    assert (middles(faces)[:, 0] < 100).all()


def test_when_the_followed_face_goes_the_other_is_taken(detector, portrait):
    small = shrunk(portrait, 96)
    both = [scene((portrait, 10, 10), (small, 200, 40))] * 9
    other = [scene((small, 200, 40))] * 9
    faces = FaceFollower(detector)(np.stack(both + other))
    assert (middles(faces)[:9, 0] < 100).all()
    assert (middles(faces)[9:, 0] > 200).all()


def test_after_a_cut_the_largest_face_counts_again(detector, portrait):
    small = shrunk(portrait, 96)
    before = [scene((small, 10, 40))] * 11
    after = [scene((small, 10, 40), (portrait, 180, 10), grey=200)] * 9
    faces = FaceFollower(detector)(np.stack(before + after))
    assert (middles(faces)[:11, 0] < 100).all()
    assert (middles(faces)[11:, 0] > 200).all()


def test_what_is_followed_is_searched_for_now_and_then(detector, portrait, monkeypatch):
    frames = np.stack([scene((portrait, 10, 10))] * 40)
    searched = counted(detector, monkeypatch)
    FaceFollower(detector, detect_every=16)(frames)
    assert searched == [8, 1, 1]  # the first block, frames 16 and 32


@pytest.mark.parametrize("chunk", [1, 3, 7, 16])
def test_a_video_in_pieces_gives_what_it_gives_whole(detector, portrait, chunk):
    small = shrunk(portrait, 96)
    frames = [scene((small, 10 + i, 40), *[(portrait, 180, 10)] * (i > 5)) for i in range(13)]
    frames += [scene()] * 4
    frames += [scene((portrait, 20 + 6 * i, 10), (small, 220, 50), grey=200) for i in range(12)]
    frames = np.stack(frames)
    whole = FaceFollower(detector, detect_every=8)(frames)
    follower = FaceFollower(detector, detect_every=8)
    pieces = [follower(frames[i : i + chunk]) for i in range(0, len(frames), chunk)]
    assert ((whole.confidence > 0) == [not 13 <= i < 17 for i in range(29)]).all()
    for field in range(4):
        together = np.concatenate([piece[field] for piece in pieces])
        assert np.allclose(together, whole[field], atol=0.02, equal_nan=True)  # pixels
