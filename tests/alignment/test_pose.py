"""The template, and the pose of a head of its shape."""

import numpy as np
import pytest

from painlab.alignment import head_angles, pose
from painlab.errors import AlignmentError

ANGLES = [(0, 0, 0), (30, 0, 0), (0, 20, 0), (0, 0, -35), (-45, 10, 25), (70, -20, 60)]


def placed_head(*, yaw, pitch, roll, scale=1.7, origin=(100.0, 80.0, -5.0)):
    rotation = pose.rotation_matrix(np.array([yaw, pitch, roll], float))
    return scale * pose.load_template().points @ rotation.T + np.array(origin)


def test_the_template_is_a_head_in_millimetres():
    points, five, digest = pose.load_template()
    left, right = points[pose.LEFT_EYE].mean(0), points[pose.RIGHT_EYE].mean(0)
    assert np.abs((left + right) / 2).max() < 0.5  # the origin lies midway between the eyes
    assert 55 < right[0] - left[0] < 70
    assert points[8, 1] > points[57, 1] > points[33, 1] > 20  # chin below mouth below nose
    assert points[30, 2] < points[27, 2] < points[0, 2]  # the nose in front, the temples behind
    assert five.shape == (5, 3)
    assert np.abs(five[:2] - [left, right]).max() < 3
    assert np.linalg.norm(five[2] - points[30]) < 8
    assert np.abs(five[3:] - points[[48, 54]]).max() < 6
    assert len(digest) == 10


@pytest.mark.parametrize("angles", ANGLES)
def test_angles_are_the_inverse_of_the_rotation(angles):
    rotation = pose.rotation_matrix(np.array(angles, float))
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.isclose(np.linalg.det(rotation), 1)
    assert np.allclose(pose.rotation_angles(rotation), angles)


def test_the_rotation_is_three_turns_one_after_another():
    def turn(angle, i, k):
        matrix = np.eye(3)
        matrix[[i, k], [i, k]] = np.cos(angle)
        matrix[i, k], matrix[k, i] = -np.sin(angle), np.sin(angle)
        return matrix

    yaw, pitch, roll = np.radians([25, -10, 40])
    expected = turn(roll, 0, 1) @ turn(yaw, 2, 0) @ turn(pitch, 1, 2)
    assert np.allclose(pose.rotation_matrix(np.array([25.0, -10, 40])), expected)


def test_the_signs_of_the_angles_are_those_of_the_docstring():
    nose = np.array([0, 0, -1.0])
    assert (pose.rotation_matrix(np.array([20.0, 0, 0])) @ nose)[
        0
    ] < 0  # to the left of the picture
    assert (pose.rotation_matrix(np.array([0, 20.0, 0])) @ nose)[1] > 0  # down
    right = pose.rotation_matrix(np.array([0, 0, 20.0])) @ np.array([1.0, 0, 0])
    assert right[1] > 0  # the eye on the right sinks: clockwise


def test_roll_is_the_angle_of_the_eye_line_whatever_yaw_and_pitch_are():
    across = pose.rotation_matrix(np.array([50.0, -30, 12])) @ np.array([1.0, 0, 0])
    assert np.isclose(np.degrees(np.arctan2(across[1], across[0])), 12)


@pytest.mark.parametrize("angles", ANGLES)
def test_a_known_pose_is_recovered(angles):
    yaw, pitch, roll = angles
    fitted = pose.fit_pose(placed_head(yaw=yaw, pitch=pitch, roll=roll))
    assert np.allclose(pose.rotation_angles(fitted.rotation), angles, atol=1e-4)
    assert np.isclose(fitted.scale, 1.7)
    assert np.allclose(fitted.origin, [100, 80, -5], atol=1e-3)


def test_an_open_mouth_and_lowered_brows_are_no_turn_of_the_head():
    head = placed_head(yaw=10, pitch=5, roll=3)
    head[17:27, 1] += 8
    head[48:68, 1] += 15
    head[4:13, 1] += 20
    assert np.allclose(head_angles(head[None])[0], [10, 5, 3], atol=1e-3)


def test_frames_without_a_face_have_no_angles():
    heads = np.stack([placed_head(yaw=10, pitch=0, roll=0), np.full((68, 3), np.nan)])
    angles = head_angles(heads)
    assert angles.shape == (2, 3)
    assert np.isfinite(angles[0]).all()
    assert np.isnan(angles[1]).all()


def test_a_damaged_template_is_named(tmp_path, monkeypatch):
    (tmp_path / "landmarks68.safetensors").write_bytes(b"not a template")
    monkeypatch.setattr(pose, "ASSETS", tmp_path)
    pose.load_template.cache_clear()
    with pytest.raises(AlignmentError, match=r"landmarks68.*install painlab again"):
        pose.load_template()
