"""Alignment on real faces: 68 photographs, upright and turned, and five clips."""

import cv2
import facenet_pytorch
import numpy as np
import pytest

from painlab.alignment import warp
from painlab.alignment.follow import overlap

pytestmark = [pytest.mark.media, pytest.mark.slow]

# Which of the 189 hand-placed points answer to which of the 68 landmarks.
SAME = {36: 18, 39: 22, 42: 23, 45: 27, 48: 87, 54: 93, 51: 90, 57: 106, 33: 55, 8: 129}
SAME |= {17: 71, 21: 76, 22: 77, 26: 82}


@pytest.fixture(scope="module")
def aligned(aligner, photographs):
    """Each photograph turned by 0, 30 and -30 degrees: the turn, and what came of it."""
    results = {}
    for degrees in (0, 30, -30):
        turn = cv2.getRotationMatrix2D((255.5, 255.5), degrees, 1)
        for name, picture in photographs.items():
            turned = cv2.warpAffine(picture, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
            results[degrees, name] = turn, aligner((turned if degrees else picture)[None])
    return results


@pytest.fixture(scope="module")
def pupils(aligned, hand_placed):
    """The hand-placed pupils in the aligned pictures: (34 2 2) for each turn."""
    places = {}
    for degrees in (0, 30, -30):
        rows = []
        for name, points in hand_placed.items():
            turn, clip = aligned[degrees, name]
            there = warp.transform_points(points[:2], turn)
            rows.append(warp.transform_points(there, clip.transforms[0]))
        places[degrees] = np.stack(rows)
    return places


def test_a_face_is_found_in_every_photograph(aligned):
    missed = [key for key, (_, clip) in aligned.items() if not clip.found.all()]
    assert len(aligned) == 3 * 68
    assert missed == []


@pytest.mark.parametrize("degrees", [0, 30, -30])
def test_the_pupils_lie_at_the_same_two_places(pupils, degrees):
    """Within 6 % of the eyes' distance of their mean place in the photographs as taken."""
    places = pupils[0].mean(0)
    apart = np.linalg.norm(places[1] - places[0])
    off = np.linalg.norm(pupils[degrees] - places, axis=2).max(1) / apart
    assert len(off) == 34
    assert np.mean(off <= 0.06) >= 0.95, np.sort(off)


@pytest.mark.parametrize("degrees", [0, 30, -30])
def test_the_line_between_the_pupils_is_level(pupils, degrees):
    across = pupils[degrees][:, 1] - pupils[degrees][:, 0]
    tilt = np.abs(np.degrees(np.arctan2(across[:, 1], across[:, 0])))
    assert np.mean(tilt <= 2) >= 0.95, np.sort(tilt)


@pytest.mark.parametrize("degrees", [30, -30])
def test_a_turned_photograph_gives_the_same_aligned_face(aligned, pupils, degrees):
    """Its pupils, for all 34; for the smiling ones too, the middle of what the warp shows."""
    apart = np.linalg.norm(np.subtract(*pupils[0].mean(0)))
    moved = np.linalg.norm(pupils[degrees] - pupils[0], axis=2).max(1) / apart
    assert np.mean(moved <= 0.06) >= 0.95, np.sort(moved)
    for (turned_by, name), (turn, clip) in aligned.items():
        if turned_by == degrees:
            back = warp.invert(clip.transforms[0].astype(float))
            shown = warp.transform_points(np.array([[111.5, 111.5]]), back)
            _, upright = aligned[0, name]
            place = warp.transform_points(shown, warp.invert(turn))
            place = warp.transform_points(place, upright.transforms[0].astype(float))
            assert np.abs(place - 111.5).max() < 0.1 * apart, name


def test_the_embedded_landmarks_lie_near_the_hand_placed_ones(aligned, hand_placed):
    errors = []
    for name, points in hand_placed.items():
        apart = np.linalg.norm(points[1] - points[0])
        fitted = aligned[0, name][1].landmarks[0, list(SAME), :2]
        errors.append(np.linalg.norm(fitted - points[list(SAME.values())], axis=1) / apart)
    assert np.mean(errors) < 0.065  # one shape for all heads: that of the eyes is 4 %, brows 8 %


@pytest.fixture(scope="module")
def aligned_clips(aligner, clips):
    assert len(clips) == 5
    return {name: aligner(frames) for name, frames in clips.items()}


def test_faces_of_clips_are_found_and_boxed_as_mtcnn_boxes_them(aligned_clips, clips):
    """On every fifth frame, of the long clip every sixteenth; the benchmark compares them all."""
    reference = facenet_pytorch.MTCNN()
    for name, frames in clips.items():
        ours = aligned_clips[name]
        assert ours.found.mean() >= 0.99, name
        rows = range(0, len(frames), 5 if len(frames) < 100 else 16)
        theirs = [reference.detect(frames[i])[0][0] for i in rows]  # the largest face
        same = [
            overlap(ours.boxes[i : i + 1].astype(float), np.asarray(box, float))[0]
            for i, box in zip(rows, theirs, strict=True)
        ]
        assert np.mean(np.array(same) >= 0.8) >= 0.95, name


def test_a_clip_is_aligned_steadily(aligned_clips, clips):
    """From frame to frame the middle of the picture hardly trembles in the aligned one."""
    for name, clip in aligned_clips.items():
        centre = np.array(clips[name].shape[2:0:-1]) / 2
        place = clip.transforms[:, :, :2] @ centre + clip.transforms[:, :, 2]
        jerk = np.diff(place, n=2, axis=0)  # a head may move, but not to and fro each frame
        assert np.sqrt(np.mean(jerk**2)) < 3, name  # pixels of 224
