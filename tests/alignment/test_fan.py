"""FAN through the real face-alignment library, with weights of the right shape."""

import hashlib
import urllib.error

import numpy as np
import pytest
import torch

import painlab as pl
from painlab.alignment import fan, warp
from painlab.alignment.mtcnn import Faces
from painlab.errors import AlignmentError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A TORCH_HOME with state dicts as the library's own files hold them."""
    from face_alignment.models import FAN, ResNetDepth

    home = tmp_path_factory.mktemp("torch_home")
    folder = home / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(FAN(4).state_dict(), folder / fan.FAN_FILES[0])
    depth = {f"module.{name}": value for name, value in ResNetDepth().state_dict().items()}
    torch.save({"state_dict": depth}, folder / fan.FAN_FILES[1])
    return home


@pytest.fixture
def cached(weights, monkeypatch):
    """Those weights in the cache, their names kept, the depth file's digest taken as good."""
    monkeypatch.setenv("TORCH_HOME", str(weights))
    published = weights / "hub" / "checkpoints" / fan.FAN_FILES[1]
    digest = hashlib.sha256(published.read_bytes()).hexdigest()
    original = fan.check_digest

    def check_as_if_named_so(path):
        alias = path.with_name(f"depth-{digest[:10]}.pth.tar")
        alias.hardlink_to(path)
        try:
            original(alias)
        finally:
            alias.unlink()

    monkeypatch.setattr(fan, "check_digest", check_as_if_named_so)
    return published


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr("torch.hub.urlopen", refuse)


def test_the_file_names_are_the_librarys():
    from face_alignment import api

    assert set(fan.FAN_FILES) == {
        api.models_urls[name].rpartition("/")[2] for name in ("3DFAN-4", "depth")
    }


def test_a_file_named_by_its_own_digest_passes_and_no_other(tmp_path):
    content = b"weights"
    digest = hashlib.sha256(content).hexdigest()
    good = tmp_path / f"depth-{digest[:10]}.pth.tar"
    good.write_bytes(content)
    fan.check_digest(good)
    good.write_bytes(content + b"!")
    with pytest.raises(AlignmentError, match=r"not the published file.*delete it"):
        fan.check_digest(good)
    nameless = tmp_path / "depth.pth.tar"
    nameless.write_bytes(content)
    with pytest.raises(AlignmentError, match="not the published file"):
        fan.check_digest(nameless)


def test_depth_weights_that_are_not_the_published_ones_are_never_opened(weights, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(weights))
    opened = []
    monkeypatch.setattr(torch, "load", lambda *a, **k: opened.append(a))
    with pytest.raises(AlignmentError, match=r"depth-2a464da4ea\.pth\.tar.*not the published"):
        fan.FanLandmarks(device=CPU)
    assert opened == []


def test_missing_weights_without_a_network_say_what_to_do(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(AlignmentError, match=r'3DFAN4.*cannot be downloaded.*landmarks="embedded"'):
        pl.FaceAligner(landmarks="fan", device="cpu")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_damaged_weights_are_named(cached, monkeypatch, tmp_path):
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / fan.FAN_FILES[0]).write_bytes(b"not weights")
    (folder / fan.FAN_FILES[1]).hardlink_to(cached)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(AlignmentError, match="cannot be loaded"):
        fan.FanLandmarks(device=CPU)


def test_frames_are_aligned_with_fan_through_the_real_library(cached, no_network, portrait):
    aligner = pl.FaceAligner(landmarks="fan", device="cpu")
    assert aligner.landmarks_used == "fan"
    assert aligner.description["face-alignment"].startswith("1.5")
    clip = aligner(np.stack([portrait, np.zeros_like(portrait)]))
    assert clip.found.tolist() == [True, False]
    assert clip.landmarks.shape == (2, 68, 3)
    assert np.isfinite(clip.landmarks[0]).all()
    assert np.isnan(clip.landmarks[1]).all()
    assert clip.frames[0].max() > 0
    assert clip.frames[1].max() == 0


class BrightestPlace(torch.nn.Module):
    """Answers for FAN: every landmark lies where the picture is brightest."""

    def forward(self, crops):
        heat = torch.nn.functional.avg_pool2d(crops.mean(1, keepdim=True), 4)
        return heat.repeat(1, 68, 1, 1)


class OneDepth(torch.nn.Module):
    def forward(self, crops):
        return torch.full((len(crops), 68), 10.0)


@pytest.mark.parametrize("angle", [0.0, 0.6, -0.9])
def test_what_fan_sees_in_its_crop_is_carried_back_to_the_frame(cached, angle):
    """A dot of light in each of two frames: the library's rounding is 1/64 of its square."""
    source = fan.FanLandmarks(device=CPU)
    source.network.face_alignment_net = BrightestPlace()
    source.network.depth_prediciton_net = OneDepth()
    box = np.array([120.0, 80, 200, 190])
    middle = (box[:2] + box[2:]) / 2
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    dots = [middle + turned @ offset for offset in ([-20, -30], [25, 40])]
    frames = np.zeros((2, 300, 300, 3), np.uint8)
    for frame, (x, y) in zip(frames, dots, strict=True):
        columns, rows = np.meshgrid(np.arange(300), np.arange(300))
        light = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 30)
        frame[:] = (255 * light).astype(np.uint8)[..., None]
    faces = Faces(np.stack([box, box]), np.full(2, angle), np.ones(2), np.zeros((2, 5, 2)))
    landmarks = source(list(frames), faces)
    square = 200 / 195 * (80 + 110)  # pixels: what the library looks at
    for points, dot in zip(landmarks, dots, strict=True):
        assert np.abs(points[:, :2] - dot).max() < square / 64
        assert np.allclose(points[:, 2], -10 * square / 256, rtol=0.01)  # away from the camera


def test_more_faces_than_a_batch_come_back_in_order(cached, monkeypatch):
    monkeypatch.setattr(fan, "BATCH", 2)
    source = fan.FanLandmarks(device=CPU)
    source.network.face_alignment_net = BrightestPlace()
    source.network.depth_prediciton_net = OneDepth()
    frames = [np.zeros((100, 100, 3), np.uint8) for _ in range(5)]
    for i, frame in enumerate(frames):
        frame[30 + 8 * i : 34 + 8 * i, 48:52] = 255
    boxes = np.tile([20.0, 20, 80, 80], (5, 1))
    landmarks = source(frames, Faces(boxes, np.zeros(5), np.ones(5), np.zeros((5, 5, 2))))
    assert np.abs(landmarks[:, 0, 1] - (31.5 + 8 * np.arange(5))).max() < 3


def test_a_tile_shows_the_face_upright_and_as_large_as_fan_expects_it():
    box = np.array([100.0, 100, 200, 220])
    transform = fan._to_tile(box, 0.3)
    middle, up = np.array([150.0, 160]), 120 * np.array([np.sin(0.3), -np.cos(0.3)])
    placed = warp.transform_points(np.stack([middle, middle + up]), transform)
    assert np.isclose(placed[0, 0], placed[1, 0])  # upright
    assert np.isclose(placed[0, 1] - placed[1, 1], 120 * 2 * fan.BOX / 220)
    assert np.allclose(placed[0] + (placed[1] - placed[0]) * 0.12, 255.5)
