"""The embedded network: where it looks, how its answer comes back, and when it is not believed."""

import hashlib

import numpy as np
import pytest
import torch

import painlab as pl
from painlab.alignment import embedded, landmarks, pose
from painlab.alignment.mtcnn import Faces
from painlab.alignment.network import LandmarkNet
from painlab.alignment.warp import transform_points
from painlab.config import LandmarkNetConfig
from painlab.datasets.synthpain import portraits
from painlab.errors import WeightsError
from painlab.framework import save_model

CPU = torch.device("cpu")
SIZE = 32


class Still:
    """A generator of random numbers that draws none: the crop without its shake."""

    def normal(self, mean, spread):
        return np.zeros(len(spread))


class Told(torch.nn.Module):
    """A network that answers what it was told, in pixels of the crop, and keeps what it saw."""

    config = LandmarkNetConfig(image_size=SIZE, channels=(8, 8))

    def __init__(self, *answers, width=3.0):
        super().__init__()
        self.answers, self.seen, self.width = list(answers), [], width

    def forward(self, images, *, return_spread):
        self.seen.append(images)
        told = torch.as_tensor(self.answers.pop(0), dtype=torch.float32)
        width = torch.as_tensor(self.width).expand(len(told))
        return told, width[:, None].expand(-1, 68)


@pytest.fixture(scope="module")
def heads() -> np.ndarray:
    """The template's 68 points in pixels under three poses."""
    head = np.array(
        [[0, 0, 0, 0, 150, 140], [30, 5, 20, 0.2, 160, 150], [-50, 0, -35, -0.3, 90, 99]]
    )
    return landmarks.project(head.astype(float), pose.load_template().points).astype(np.float32)


@pytest.fixture
def faces(heads) -> Faces:
    none = Faces.none(len(heads))
    return none._replace(points=embedded.five_of(heads).astype(float), confidence=np.ones(3))


@pytest.fixture
def source(tmp_path, monkeypatch) -> embedded.EmbeddedLandmarks:
    """The small random weights of a file, in half precision."""
    torch.manual_seed(0)
    network = LandmarkNet(LandmarkNetConfig(image_size=SIZE, channels=(8, 8), map_channels=8))
    path = save_model(network.half(), tmp_path / "small.safetensors", licence="CC0-1.0")
    monkeypatch.setattr(embedded, "WEIGHTS", path)
    return embedded.EmbeddedLandmarks(device=CPU)


@pytest.fixture
def frames() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (280, 300, 3), dtype=np.uint8) for _ in range(3)]


def in_crops(points, crops):
    """Landmarks in pixels of the frames, as a network would see them in crops."""
    flat = [transform_points(p[:, :2].astype(float), t) for p, t in zip(points, crops, strict=True)]
    zoom = np.array([np.hypot(*t[0, :2]) for t in crops])
    return np.concatenate([np.stack(flat), points[..., 2:] * zoom[:, None, None]], 2)


def in_mirror(points):
    """The same in the mirror image of the crop."""
    return points[:, pose.MIRRORED] * np.array([-1, 1, 1]) + np.array([SIZE - 1, 0, 0])


def test_the_crop_is_that_of_training_without_its_shake(heads):
    for points in heads:
        expected = portraits._frame(points, 128, "loose", Still())
        assert np.allclose(embedded.loose_crop(points, size=128), expected)


def test_the_crop_holds_the_face_upright_in_its_middle(heads):
    for points in heads:
        seen = transform_points(points[:, :2], embedded.loose_crop(points, size=100))
        assert 55 < np.ptp(seen, 0).max() < 75
        # the box is that of the head as it was tilted in the frame
        assert np.abs((seen.min(0) + seen.max(0)) / 2 - 49.5).max() < 9
        assert abs(seen[45, 1] - seen[36, 1]) < 3


def test_the_five_points_of_the_template_are_those_of_mtcnn():
    template = pose.load_template()
    apart = embedded.five_of(template.points[None])[0] - template.five[:, :2]
    assert np.linalg.norm(apart, axis=1).max() < 2.5  # millimetres, at the tip of the nose


def test_what_the_network_says_comes_back_in_pixels_of_the_frames(source, frames, faces, heads):
    true = heads + np.array([1.5, -2.0, 0.5], np.float32)
    fitted = landmarks.fit_five_points(faces.points)
    crops = [[embedded.loose_crop(p, size=SIZE) for p in points] for points in (fitted, true)]
    first, second = (in_crops(true, transforms) for transforms in crops)
    source.network = Told(first, second, in_mirror(second))
    found = source(frames, faces)
    assert found.dtype == np.float32
    assert np.abs(found - true).max() < 0.02
    assert (source.placed, source.fallbacks) == (3, 0)
    _, upright, mirrored = source.network.seen
    assert torch.equal(mirrored, upright.flip(-1))
    assert upright.shape == (3, 3, SIZE, SIZE)


def test_the_network_sees_the_pixels_of_the_crop_from_0_to_1(source, frames, heads):
    crops = [embedded.loose_crop(points, size=SIZE) for points in heads]
    source.network = Told(in_crops(heads, crops))
    source.look([np.full_like(frame, 51) for frame in frames], heads)
    (images,) = source.network.seen
    assert torch.allclose(images, torch.full_like(images, 0.2), atol=0.005)


def test_a_face_at_the_edge_is_no_face_before_black(source, heads):
    """What lies beyond the frame takes the colour of its edge."""
    frame = np.full((120, 110, 3), 200, np.uint8)
    source.network = Told(np.zeros((1, 68, 3)))
    source.look([frame], heads[:1])
    assert (source.network.seen[0] > 0.78).all()


@pytest.mark.parametrize("garbage", ["constant", "not a number", "far", "mirrored"])
def test_a_network_that_fails_is_not_believed(source, frames, faces, heads, garbage):
    fitted = landmarks.fit_five_points(faces.points)
    crops = np.stack([embedded.loose_crop(points, size=SIZE) for points in fitted])
    true = in_crops(heads, crops)
    answer = {
        "constant": np.full((3, 68, 3), SIZE / 2),
        "not a number": np.full((3, 68, 3), np.nan),
        "far": true + np.array([0.3 * SIZE, 0, 0]),
        "mirrored": true * np.array([-1, 1, 1]) + np.array([SIZE - 1, 0, 0]),
    }[garbage]
    source.network = Told(answer)
    assert np.array_equal(source(frames, faces), fitted)
    assert (source.placed, source.fallbacks) == (3, 3)


def test_one_failure_leaves_the_other_faces_alone(source, frames, faces, heads):
    fitted = landmarks.fit_five_points(faces.points)
    crops = [embedded.loose_crop(points, size=SIZE) for points in fitted]
    first = in_crops(heads, crops)
    first[1, 40, 2] = np.nan
    again = [embedded.loose_crop(points, size=SIZE) for points in heads[[0, 2]]]
    second = in_crops(heads[[0, 2]], again)
    source.network = Told(first, second, in_mirror(second))
    found = source(frames, faces)
    assert np.abs(found[[0, 2]] - heads[[0, 2]]).max() < 0.02
    assert np.array_equal(found[1], fitted[1])
    assert (source.placed, source.fallbacks) == (3, 1)


def test_a_second_look_that_fails_leaves_the_first(source, frames, faces, heads):
    fitted = landmarks.fit_five_points(faces.points)
    crops = [embedded.loose_crop(points, size=SIZE) for points in fitted]
    unknown = np.full((3, 68, 3), np.nan)
    source.network = Told(in_crops(heads, crops), unknown, unknown)
    assert np.abs(source(frames, faces) - heads).max() < 0.02
    assert (source.placed, source.fallbacks) == (3, 0)


def test_untrained_weights_give_the_fit(source, frames, faces):
    assert np.array_equal(source(frames, faces), landmarks.fit_five_points(faces.points))
    assert source.fallbacks == 3


def test_with_the_mirror_image_two_answers_are_averaged(source, frames, heads):
    crops = [embedded.loose_crop(points, size=SIZE) for points in heads]
    wrong = np.array([0.5, -0.25, 1.0])
    answers = in_crops(heads, crops) + wrong, in_mirror(in_crops(heads, crops) - wrong)
    source.network = Told(*answers)
    assert np.abs(source.look(frames, heads, mirror=True)[0] - heads).max() < 0.02


def test_many_faces_pass_in_batches_as_alone(source, frames, heads, monkeypatch):
    together, widths = source.look(frames, heads, mirror=True)
    monkeypatch.setattr(embedded, "BATCH", 2)
    alone, widths_alone = source.look(frames, heads, mirror=True)
    assert np.allclose(alone, together, atol=1e-3)
    assert np.allclose(widths_alone, widths, atol=1e-3)
    assert source.look([], heads[:0])[0].shape == (0, 68, 3)


def test_wide_maps_are_not_believed(source, frames, faces, heads):
    fitted = landmarks.fit_five_points(faces.points)
    crops = [embedded.loose_crop(points, size=SIZE) for points in fitted]
    width = torch.tensor([3.0, embedded.WIDEST + 0.1, float("nan")])
    again = [embedded.loose_crop(points, size=SIZE) for points in heads[:1]]
    second = in_crops(heads[:1], again)
    source.network = Told(in_crops(heads, crops), second, in_mirror(second), width=width)

    def narrow(*_):
        source.network.width = 3.0

    source.network.register_forward_hook(narrow)
    found = source(frames, faces)
    assert np.abs(found[0] - heads[0]).max() < 0.02
    assert np.array_equal(found[1:], fitted[1:])
    assert (source.placed, source.fallbacks) == (3, 2)


@pytest.mark.parametrize("kind", ["grey", "noise"])
def test_where_there_is_no_face_the_fit_stays(kind, astronaut, aligner):
    source = embedded.EmbeddedLandmarks(device=torch.device("cpu"))
    faces = aligner.detector.search(astronaut[None])[0]
    faces = faces.pick([int(faces.confidence.argmax())])
    assert not np.array_equal(source([astronaut], faces), landmarks.fit_five_points(faces.points))
    noise = np.random.default_rng(0).integers(0, 256, astronaut.shape).astype(np.uint8)
    empty = np.full_like(astronaut, 127) if kind == "grey" else noise
    assert np.array_equal(source([empty], faces), landmarks.fit_five_points(faces.points))
    assert (source.placed, source.fallbacks) == (2, 1)


def test_half_precision_is_stored_and_float32_computed(source):
    assert {value.dtype for value in source.network.parameters()} == {torch.float32}
    assert not source.network.training


def test_the_description_names_weights_and_template(source):
    digest = hashlib.sha256(embedded.WEIGHTS.read_bytes()).hexdigest()
    told = source.describe()
    assert told == {
        "landmarks": "embedded",
        "weights": digest[:10],
        "template": pose.load_template().digest,
    }


def test_missing_and_foreign_weights_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "WEIGHTS", "landmarks68-nowhere")
    with pytest.raises(WeightsError, match="landmarks68-nowhere"):
        pl.FaceAligner(landmarks="embedded", device="cpu")
    config = pl.TNTConfig(image_size=16, depth=1, dim=12, inner_dim=4)
    path = save_model(pl.TNT(config), tmp_path / "tnt.safetensors")
    monkeypatch.setattr(embedded, "WEIGHTS", path)
    with pytest.raises(WeightsError, match="LandmarkNet is needed"):
        pl.FaceAligner(landmarks="embedded", device="cpu")
