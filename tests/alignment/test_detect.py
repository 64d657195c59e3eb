"""MTCNN's networks as painlab runs them, beside facenet-pytorch's own loop."""

from itertools import pairwise

import cv2
import facenet_pytorch
import numpy as np
import pytest
import torch

from painlab.alignment import mtcnn
from painlab.alignment.detect import FaceDetector
from painlab.alignment.follow import overlap
from painlab.alignment.mtcnn import Faces
from painlab.errors import AlignmentError


@pytest.fixture(scope="module")
def detector():
    return FaceDetector(device=torch.device("cpu"))


@pytest.fixture(scope="module")
def reference(astronaut):
    boxes, _, points = facenet_pytorch.MTCNN().detect(astronaut, landmarks=True)
    return np.asarray(boxes[0], float), np.asarray(points[0], float)


def test_the_networks_answer_as_facenets_do(detector):
    reference = facenet_pytorch.MTCNN()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    images = detector.networks.to_network(pixels)
    expected = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127.5) * 0.0078125
    assert torch.equal(images, expected)
    with torch.no_grad():
        for name, size in (("pnet", 48), ("rnet", 24), ("onet", 48)):
            ours = getattr(detector.networks, name)(images[..., :size, :size])
            theirs = getattr(reference, name)(expected[..., :size, :size])
            for a, b in zip(ours, theirs, strict=True):
                assert torch.allclose(a, b, atol=1e-5)


def test_loading_draws_nothing_from_the_callers_random_numbers():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    FaceDetector(device=torch.device("cpu"))
    assert torch.equal(torch.rand(1), expected)


def test_damaged_weights_are_named(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "pnet.pt").write_bytes(b"not weights")
    monkeypatch.setattr(facenet_pytorch, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(AlignmentError, match=r"pnet\.pt.*install facenet-pytorch again"):
        mtcnn.load_network("PNet", device=torch.device("cpu"))


def test_a_search_finds_the_face_that_facenet_finds(detector, astronaut, reference):
    (faces,) = detector.search(astronaut[None])
    assert len(faces.boxes) == 1
    assert faces.confidence[0] > 0.99
    assert overlap(faces.boxes, reference[0])[0] > 0.75
    assert np.abs(faces.points[0] - reference[1]).max() < 8


def test_looking_upright_finds_a_tilted_face_in_the_same_place(detector, astronaut):
    (level,) = detector.search(astronaut[None])
    straight = detector.networks.look(astronaut[None], level.boxes, level.angles, mirror=True)
    turn = cv2.getRotationMatrix2D((225, 117), 35, 1)  # counter-clockwise
    tilted = cv2.warpAffine(astronaut, turn, (512, 512))
    (found,) = detector.search(tilted[None])
    seen = detector.networks.look(tilted[None], found.boxes, found.angles, mirror=True)
    expected = straight.points[0] @ turn[:, :2].T + turn[:, 2]
    apart = np.linalg.norm(expected[1] - expected[0])
    assert np.linalg.norm(seen.points[0] - expected, axis=1).max() < 0.06 * apart
    assert np.isclose(np.degrees(seen.angles[0] - straight.angles[0]), -35, atol=2)


def test_a_mirrored_frame_gives_the_mirrored_answer(detector, astronaut):
    box = np.array([[175.0, 60, 275, 175]])
    seen = detector.networks.look(astronaut[None], box, np.zeros(1), mirror=True)
    flipped = np.ascontiguousarray(astronaut[:, ::-1])
    other = detector.networks.look(
        flipped[None], 511 - box[:, [2, 1, 0, 3]] * [1, -1, 1, -1] - [0, 511, 0, 511],
        np.zeros(1), mirror=True,
    )  # fmt: skip
    back = other.points[0][[1, 0, 2, 4, 3]] * [-1, 1] + [511, 0]
    assert np.allclose(back, seen.points[0], atol=0.15)
    assert np.isclose(other.confidence[0], seen.confidence[0], atol=1e-3)


def test_a_batch_of_frames_is_searched_as_each_frame_is(detector, astronaut):
    frames = np.stack([astronaut, np.zeros_like(astronaut), astronaut[::-1], astronaut[:, ::-1]])
    together = detector.search(frames)
    alone = [detector.search(frame[None])[0] for frame in frames]
    assert [len(faces.boxes) for faces in together] == [1, 0, 0, 1]
    for a, b in zip(together, alone, strict=True):
        assert np.allclose(a.boxes, b.boxes, atol=1e-2)


def test_octaves_reach_from_the_largest_face_to_the_smallest(detector):
    sizes = detector.octaves(288, 360)
    assert sizes[0] == pytest.approx(288 / np.sqrt(2))
    assert sizes[-1] == 20
    assert all(a <= 2 * b * 1.001 for a, b in pairwise(sizes))
    assert detector.octaves(2160, 3840)[-1] == 135  # a sixteenth of the shorter side
    assert detector.octaves(288, 360, near=60.0)[0] == pytest.approx(51, abs=1)
    assert detector.octaves(8, 8) == []
    assert FaceDetector(min_face=100, device=torch.device("cpu")).octaves(288, 360)[-1] == 100


@pytest.mark.parametrize("scale", [0.2, 0.5, 1.0, 2.5])
def test_faces_of_every_size_are_found_where_they_are(detector, astronaut, scale):
    frame = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    (faces,) = detector.search(frame[None])
    middle = (faces.boxes[0, :2] + faces.boxes[0, 2:]) / 2 / scale
    assert np.abs(middle - [225, 117]).max() < 10


@pytest.mark.parametrize("seed", range(6))
def test_noise_and_blur_are_no_faces(detector, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (2, 200, 240, 3), dtype=np.uint8)
    noise[1] = cv2.GaussianBlur(noise[1], (0, 0), 2 + seed)
    assert [len(faces.boxes) for faces in detector.search(noise)] == [0, 0]


def test_rows_without_a_face_say_so():
    faces = Faces.none(2)
    assert (faces.confidence == 0).all()
    assert np.isnan(faces.boxes).all()
    assert np.isnan(faces.points).all()
    assert len(Faces.join([faces, faces.pick([0])]).boxes) == 3
