"""The fit to five points: heads projected at a known pose are recovered; and who is chosen."""

import logging

import numpy as np
import pytest
import torch

from painlab.alignment import fan, head_angles, landmarks, pose, sources
from painlab.alignment.mtcnn import Faces
from painlab.errors import PainLabError

CPU = torch.device("cpu")


def seen(*, yaw=0.0, pitch=0.0, roll=0.0, scale=1.3, place=(60.0, 50.0), shape=None):
    """The five points of a head of the template's shape, as a camera a metre away sees them."""
    head = np.array([[yaw, pitch, roll, np.log(scale), *place]], float)
    shape = pose.load_template().five if shape is None else shape
    return landmarks.project(head, shape)


def test_a_projection_worked_by_hand():
    # 100 mm behind the eyes and 22 mm to the side, at 2 pixels a millimetre: 22 × 2 / 1.1 = 40
    point = np.array([[22.0, 0, 100]])
    assert np.allclose(seen(scale=2.0, place=(5, 6), shape=point), [[[45, 6, 200]]])


@pytest.mark.parametrize("roll", [-40, 0, 40])
@pytest.mark.parametrize("yaw", [-60, -30, 0, 30, 60])
def test_yaw_and_roll_of_a_projected_head_are_recovered(yaw, roll):
    fitted = landmarks.fit_five_points(seen(yaw=yaw, roll=roll)[..., :2])
    assert np.allclose(head_angles(fitted)[0], [yaw, 0, roll], atol=2)
    assert np.abs(fitted - seen(yaw=yaw, roll=roll, shape=pose.load_template().points)).max() < 2


@pytest.mark.parametrize("pitch", [-30, -15, 15, 30])
def test_pitch_is_recovered_in_part(pitch):
    (angles,) = head_angles(landmarks.fit_five_points(seen(yaw=10, pitch=pitch)[..., :2]))
    assert 0.6 < angles[1] / pitch < 1.05
    assert abs(angles[0] - 10) < 2


def test_the_size_of_a_turned_head_is_that_of_the_frontal_one():
    for yaw in (0, 45, -60):
        fitted = landmarks.fit_five_points(seen(yaw=yaw)[..., :2])[0]
        assert np.isclose(pose.fit_pose(fitted).scale, 1.3, rtol=0.03)


def test_a_smile_is_no_bow():
    five = pose.load_template().five.copy()
    five[3:] += [[-5, -7, 3], [5, -7, 3]]  # millimetres: corners of the mouth out and up
    (angles,) = head_angles(landmarks.fit_five_points(seen(shape=five)[..., :2]))
    assert np.abs(angles).max() < 12


def test_faces_are_fitted_together_as_alone():
    points = np.concatenate([seen(yaw=yaw)[..., :2] for yaw in (-50, 0, 20)])
    together = landmarks.fit_five_points(points)
    assert together.shape == (3, 68, 3)
    for row, alone in zip(together, points, strict=True):
        assert np.allclose(row, landmarks.fit_five_points(alone[None])[0], atol=1e-3)


def test_the_same_points_elsewhere_and_larger_give_the_same_face():
    points = seen(yaw=25, pitch=10, roll=5)[..., :2]
    once = landmarks.fit_five_points(points)
    other = landmarks.fit_five_points(points * 3 + [1000, -40])
    assert np.allclose(other, once * 3 + [1000, -40, 0], atol=0.05)


def test_fitted_landmarks_look_at_the_five_points_only():
    points = np.concatenate([seen(yaw=yaw)[..., :2] for yaw in (-20, 30)])
    faces = Faces.none(2)._replace(points=points)
    source = sources.landmark_source("fitted", device=CPU)
    assert np.array_equal(source([None, None], faces), landmarks.fit_five_points(points))
    assert source.describe() == {"landmarks": "fitted", "template": pose.load_template().digest}


def test_an_unknown_name_is_refused():
    with pytest.raises(PainLabError, match=r'"auto", "fan", "embedded" or "fitted"'):
        sources.landmark_source("dlib", device=CPU)


def test_auto_takes_the_embedded_network_where_fan_is_not_cached_and_says_so_once(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    sources._say_once.cache_clear()
    with caplog.at_level(logging.INFO, logger="painlab"):
        found = [sources.landmark_source("auto", device=CPU) for _ in range(3)]
    assert {source.name for source in found} == {"embedded"}
    assert len(caplog.messages) == 1
    assert str(tmp_path) in caplog.messages[0]
    assert list(tmp_path.rglob("*")) == []  # nothing was downloaded or made


def test_auto_takes_fan_only_when_all_its_weights_are_there(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(sources, "FanLandmarks", lambda device: "FAN")
    sources._say_once.cache_clear()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / fan.FAN_FILES[0]).touch()
    assert sources.landmark_source("auto", device=CPU).name == "embedded"
    (folder / fan.FAN_FILES[1]).touch()
    with caplog.at_level(logging.INFO, logger="painlab"):
        assert sources.landmark_source("auto", device=CPU) == "FAN"
    assert "FAN" in caplog.text
