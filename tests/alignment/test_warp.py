"""Similarity transforms against hand-worked ones, and what they do to a turned head."""

import numpy as np
import pytest
import torch

from painlab.alignment import pose, similarity_2d, similarity_3d, warp, warp_batch

SIZE = 224


def zoom_of(transform):
    return np.hypot(*transform[:, 0])


def head(*, yaw=0.0, pitch=0.0, roll=0.0, scale=1.5, at=(300.0, 200.0)):
    rotation = pose.rotation_matrix(np.array([yaw, pitch, roll], float))
    return scale * pose.load_template().points @ rotation.T + np.array([*at, 0.0])


def eyes(landmarks, transform):
    middles = np.stack([landmarks[36:42, :2].mean(0), landmarks[42:48, :2].mean(0)])
    return warp.transform_points(middles, transform)


def test_a_quarter_turn_worked_by_hand():
    # (10, 20) goes to (0, 0); what lies right of it in the input must come to lie above it
    transform = warp.similarity(
        turn=np.pi / 2, zoom=2.0, place=np.array([10.0, 20.0]), target=np.zeros(2)
    )
    assert np.allclose(transform, [[0, 2, -40], [-2, 0, 20]])
    assert np.allclose(warp.transform_points(np.array([[11.0, 20.0]]), transform), [[0, -2]])


def test_the_way_back():
    transform = warp.similarity(
        turn=0.3, zoom=1.7, place=np.array([3.0, 4.0]), target=np.array([50.0, 60.0])
    )
    points = np.random.default_rng(0).normal(size=(5, 2))
    there = warp.transform_points(points, transform)
    assert np.allclose(warp.transform_points(there, warp.invert(transform)), points)


@pytest.mark.parametrize("align", [similarity_2d, similarity_3d])
def test_the_transforms_are_similarities(align):
    linear = align(head(yaw=20, pitch=-15, roll=30), size=SIZE)[:, :2]
    assert np.allclose(linear @ linear.T, np.eye(2) * zoom_of(linear) ** 2)
    assert np.linalg.det(linear) > 0  # and no mirror images


@pytest.mark.parametrize("align", [similarity_2d, similarity_3d])
@pytest.mark.parametrize("roll", [0, 30, -70])
def test_a_frontal_face_comes_upright_to_the_middle_and_to_one_size(align, roll):
    landmarks = head(roll=roll, scale=0.8, at=(50, 70))
    left, right = eyes(landmarks, align(landmarks, size=SIZE))
    assert np.allclose((left + right) / 2, [111.5, 0.4 * 224 - 0.5], atol=0.5)
    assert np.isclose(left[1], right[1], atol=0.01)
    apart = np.ptp(eyes(head(scale=1), np.eye(3)[:2]), 0)[0]  # millimetres
    assert np.isclose(right[0] - left[0], apart * 224 / 200, atol=0.01)


def test_two_eyes_enlarge_a_turned_head_and_three_dimensions_do_not():
    frontal, turned = head(), head(yaw=45)
    grown_2d = zoom_of(similarity_2d(turned, size=SIZE)) / zoom_of(
        similarity_2d(frontal, size=SIZE)
    )
    grown_3d = zoom_of(similarity_3d(turned, size=SIZE)) / zoom_of(
        similarity_3d(frontal, size=SIZE)
    )
    assert np.isclose(grown_2d, 1 / np.cos(np.radians(45)), rtol=0.02)
    assert np.isclose(grown_3d, 1, rtol=1e-3)


@pytest.mark.parametrize("yaw", [-60, -30, 30, 60])
def test_a_turned_head_stays_in_the_picture_with_its_eyes_level_and_at_their_height(yaw):
    landmarks = head(yaw=yaw, pitch=20, roll=10)
    transform = similarity_3d(landmarks, size=SIZE)
    left, right = eyes(landmarks, transform)
    assert abs(left[1] - right[1]) < 1.0
    assert abs((left[1] + right[1]) / 2 - (0.4 * 224 - 0.5)) < 1.0
    places = warp.transform_points(landmarks[:, :2], transform)
    assert places.min() > 0
    assert places.max() < SIZE - 1


def test_warping_by_whole_pixels_copies_them():
    frame = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    moved = warp.warp_frame(frame, np.array([[1.0, 0, -7], [0, 1.0, -5]]), size=20)
    assert (moved == frame[5:25, 7:27]).all()
    turned = warp.warp_frame(frame, np.array([[0, 1.0, 0], [-1.0, 0, 39]]), size=40)
    assert (turned == np.rot90(frame[:40, :40])).all()


def test_outside_the_frame_is_black():
    frame = np.full((10, 10, 3), 200, np.uint8)
    picture = warp.warp_frame(frame, np.array([[1.0, 0, 5], [0, 1.0, 5]]), size=20)
    assert (picture[5:15, 5:15] == 200).all()
    assert picture[:5].max() == picture[:, 15:].max() == 0


def test_shrinking_takes_the_mean_of_the_pixels():
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    quarter = np.array([[0.25, 0, -0.375], [0, 0.25, -0.375]])  # index 1.5 goes to 0
    picture = warp.warp_frame(frame, quarter, size=16)
    means = frame.reshape(16, 4, 16, 4, 3).mean((1, 3))
    assert np.abs(picture - means).max() <= 1


@pytest.mark.parametrize("zoom", [2.3, 1.0, 0.7, 0.3, 0.05])
def test_frames_together_become_what_each_becomes_by_itself(zoom):
    """Even of noise, where a place that is wrong by a hundredth of a pixel shows."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (5, 90, 120, 3), dtype=np.uint8)
    transforms = [
        warp.similarity(
            turn=rng.uniform(-0.5, 0.5),
            zoom=zoom * rng.uniform(0.7, 1.4),  # so that some frames need more samples than others
            place=np.array([60.0, 45.0]) + rng.normal(0, 5, 2),
            target=warp.eye_target(48),
        )
        for _ in frames
    ]
    alone = [warp.warp_frame(f, t, size=48) for f, t in zip(frames, transforms, strict=True)]
    together = warp_batch.warp_frames(torch.from_numpy(frames), np.stack(transforms), size=48)
    apart = np.abs(np.stack(alone).astype(int) - together.numpy())
    assert apart.max() <= 2
    assert (apart <= 1).mean() > 0.99
    assert (np.stack(alone) > 0).mean() > 0.01


def test_frames_together_in_several_parts_are_the_same(monkeypatch):
    frames = torch.randint(0, 256, (7, 20, 20, 3), dtype=torch.uint8)
    transforms = np.stack([np.array([[0.4, 0.1 * i, 3], [-0.1 * i, 0.4, 2.0]]) for i in range(7)])
    whole = warp_batch.warp_frames(frames, transforms, size=10)
    monkeypatch.setattr(warp_batch, "SAMPLES_AT_ONCE", 1000)
    assert torch.equal(warp_batch.warp_frames(frames, transforms, size=10), whole)
