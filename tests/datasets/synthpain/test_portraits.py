"""Portraits: single pictures under any pose and expression, and what is true of them."""

import numpy as np
import pytest
import torch

from painlab.alignment.pose import head_angles
from painlab.alignment.warp import EYE_LEVEL
from painlab.datasets.synthpain.portraits import draw_expression, draw_portraits, look_through
from painlab.errors import DataError

SIZE = 64


@pytest.fixture(scope="module", params=["aligned", "loose"])
def portraits(request):
    return draw_portraits(0, seed=5, count=12, size=SIZE, crop=request.param)


def test_shapes_and_ranges(portraits):
    assert portraits.images.shape == (12, SIZE, SIZE, 3)
    assert portraits.landmarks.shape == (12, 68, 3)
    assert portraits.actions.shape == (12, 52)
    assert 0 <= portraits.actions.min() <= portraits.actions.max() <= 1
    assert portraits.identity.tolist() == [0] * 12


def test_a_picture_follows_from_its_number_alone(portraits):
    again = draw_portraits(0, seed=5, count=2, size=SIZE, crop="aligned", first=3)
    whole = draw_portraits(0, seed=5, count=5, size=SIZE, crop="aligned")
    assert (again.images == whole.images[3:]).all()
    assert (again.landmarks == whole.landmarks[3:]).all()
    other = draw_portraits(1, seed=5, count=1, size=SIZE, crop="aligned")
    assert (other.images[0] != whole.images[0]).any()


def test_the_angles_are_those_of_the_landmarks(portraits):
    """As far as a person's own shape and the camera's nearness let a fit of the template tell."""
    fitted = head_angles(portraits.landmarks.numpy())
    turned = np.abs(portraits.angles.numpy()).max(1) < 35
    apart = (fitted - portraits.angles.numpy())[turned]
    apart -= np.median(apart, axis=0)  # crops are turned as well, faces have a shape of their own
    assert np.abs(apart[:, :2]).mean() < 7


def test_aligned_faces_are_where_the_aligner_puts_them():
    drawn = draw_portraits(2, seed=5, count=16, size=SIZE, crop="aligned")
    eyes = drawn.landmarks[:, 36:48, :2].mean(1)  # b 2
    level = EYE_LEVEL * SIZE - 0.5
    assert (eyes[:, 1] - level).abs().mean() < 0.03 * SIZE
    assert (eyes[:, 0] - (SIZE / 2 - 0.5)).abs().mean() < 0.06 * SIZE


def test_the_camera_makes_the_similarity():
    """Projecting what `look_through` gives is carrying the nominal projection through the frame."""
    rng = np.random.default_rng(0)
    positions = rng.normal((0, 0, 900), 80, (1, 50, 3))
    turn, zoom = np.radians(17), 1.7
    frame = np.array([
        [zoom * np.cos(turn), zoom * np.sin(turn), 31.0],
        [-zoom * np.sin(turn), zoom * np.cos(turn), 12.0],
    ])  # fmt: skip
    rolled, factor, centre = look_through(frame, positions.astype(np.float32))
    assert factor == pytest.approx(zoom)
    seen = 900 * positions[0, :, :2] / positions[0, :, 2:]
    expected = seen @ frame[:, :2].T + frame[:, 2]
    found = 900 * factor * rolled[0, :, :2] / rolled[0, :, 2:] + centre
    np.testing.assert_allclose(found - 0.5, expected, atol=2e-3)


def test_landmarks_lie_on_the_face_that_is_drawn():
    """Open mouths are dark between the lips' inner landmarks, in the picture itself."""
    drawn = draw_portraits(3, seed=5, count=40, size=96, crop="aligned")
    gap = (drawn.landmarks[:, 66, 1] - drawn.landmarks[:, 62, 1]).numpy()
    wide = np.flatnonzero((gap > 6) & (drawn.angles.abs().max(1).values.numpy() < 25))
    assert len(wide) > 2
    for i in wide:
        picture, points = drawn.images[i].float().mean(-1), drawn.landmarks[i, :, :2]
        low, high = points[60:].min(0).values, points[60:].max(0).values
        cheek = (points[41] + points[48]) / 2 - (low + high) / 2

        def darkest(shift, low=low, high=high, picture=picture):
            (left, top), (right, bottom) = (
                (low + shift).int().tolist(),
                (high + shift).int().tolist(),
            )
            return picture[top : bottom + 1, left : right + 1].min()

        assert darkest(torch.zeros(2)) < 0.75 * darkest(cheek)


def test_expressions_are_of_many_kinds():
    rng = np.random.default_rng(0)
    drawn = np.stack([draw_expression(rng) for _ in range(400)])
    at_rest = (drawn.max(1) == 0).mean()
    assert 0.07 < at_rest < 0.18
    used = (drawn > 0.3).mean(0)
    assert (used > 0).sum() > 30
    assert 0 <= drawn.min() <= drawn.max() <= 1


def test_another_crop_is_refused():
    with pytest.raises(DataError, match="aligned"):
        draw_portraits(0, seed=5, count=1, size=32, crop="tight")
