"""The landmark network and its training, at a small size."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from painlab.alignment.network import LandmarkNet
from painlab.config import LandmarkNetConfig, config_from_dict, config_to_dict
from painlab.datasets.synthpain.portraits import draw_portraits
from painlab.errors import PainLabError
from painlab.training.landmarks import (
    MIRRORED,
    LandmarkTraining,
    eyes_first,
    landmark_loss,
    mirror,
    train_landmarks,
)
from painlab.training.rendered import draw_people

SMALL = LandmarkTraining(people=1, pictures=16, steps=6, batch=8, warm_up=2, seed=3)


@pytest.fixture(scope="module")
def heads():
    return draw_portraits(0, seed=9, count=16, size=32, crop="loose")


def test_a_map_with_one_bright_cell_gives_its_middle():
    net = LandmarkNet(LandmarkNetConfig(image_size=64, channels=(8, 8, 8)))
    maps = torch.full((1, 68, 16, 16), -1e4)
    maps[0, :, 4, 9] = 0.0
    depth = torch.full((1, 68, 16, 16), 0.25)
    x, y, z = net._read(maps, depth)[0, 0]
    middle = 31.5
    # cells are 4 pixels wide; places are spread by a fifth about the middle
    assert x == pytest.approx(middle + 1.2 * (9 * 4 + 1.5 - middle))
    assert y == pytest.approx(middle + 1.2 * (4 * 4 + 1.5 - middle))
    assert z == pytest.approx(0.25 * 64)


def test_the_network_gives_68_points_for_any_batch():
    net = LandmarkNet().eval()
    with torch.inference_mode():
        images = torch.rand(3, 3, 128, 128)
        together = net(images)
        assert together.shape == (3, 68, 3)
        assert torch.allclose(net(images[1:2]), together[1:2], atol=1e-4)


def test_its_configuration_travels():
    config = LandmarkNetConfig(image_size=64, channels=(8, 16))
    assert config_from_dict(config_to_dict(config)) == config
    for bad in ({"image_size": 100}, {"channels": (8,)}, {"channels": (8, 0)}):
        with pytest.raises(PainLabError):
            LandmarkNetConfig(**bad)


def test_mirroring_twice_changes_nothing(heads):
    images = torch.rand(16, 3, 32, 32)
    once = mirror(images, heads.landmarks)
    twice = mirror(*once)
    assert torch.equal(twice[0], images)
    assert torch.allclose(twice[1], heads.landmarks, atol=1e-5)
    assert sorted(MIRRORED) == list(range(68))
    # the image's left eye is still the image's left eye
    frontal = heads.angles[:, :1].abs().squeeze(1) < 20
    left, right = once[1][frontal][:, 36:42, 0].mean(1), once[1][frontal][:, 42:48, 0].mean(1)
    assert (left < right).all()


def test_the_loss_is_0_at_the_truth_and_knows_no_scale(heads):
    true = heads.landmarks
    assert landmark_loss(true, true, depth_weight=0.3) == 0
    off = true + torch.tensor([1.0, 0.0, 0.0])
    once = landmark_loss(off, true, depth_weight=0.3)
    assert landmark_loss(3 * off, 3 * true, depth_weight=0.3) == pytest.approx(
        float(once), rel=1e-4
    )
    deep = landmark_loss(true + torch.tensor([0.0, 0.0, 1.0]), true, depth_weight=0.3)
    assert deep == pytest.approx(0.3 * float(once), rel=1e-4)


def test_depth_is_counted_from_the_eyes(heads):
    shifted = eyes_first(heads.landmarks)
    assert shifted[:, 36:48, 2].mean(1).abs().max() < 1e-4
    assert torch.equal(shifted[..., :2], heads.landmarks[..., :2])


def test_people_come_in_order_from_any_number_of_processes():
    asked = {"people": range(2), "pictures": 1, "seed": 9, "size": 32, "crop": "loose"}
    alone = list(draw_people(**asked))
    assert [p.identity.item() for p in alone] == [0, 1]
    beside = list(draw_people(**asked, processes=2))
    for one, other in zip(alone, beside, strict=True):
        assert torch.equal(one.images, other.images)


def test_a_stopped_training_ends_as_an_undisturbed_one(heads, tmp_path):
    given = {"images": heads.images, "landmarks": heads.landmarks, "device": torch.device("cpu")}
    said = []
    whole = train_landmarks(tmp_path / "a", SMALL, **given, every=3, say=said.append)
    assert len(said) == 2

    class StoppedError(Exception):
        pass

    def stop(_):
        raise StoppedError

    with pytest.raises(StoppedError):
        train_landmarks(tmp_path / "b", SMALL, **given, every=3, say=stop)
    rest = train_landmarks(tmp_path / "b", SMALL, **given, every=3, say=said.append)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, rest.state_dict()[name]), name


def test_training_learns(heads, tmp_path):
    training = replace(SMALL, steps=60, warm_up=5, batch=16)
    images, landmarks = heads.images, heads.landmarks
    net = train_landmarks(
        tmp_path, training, images=images, landmarks=landmarks, device=torch.device("cpu"),
        every=20, say=lambda _: None,
    )  # fmt: skip
    torch.manual_seed(training.seed)
    fresh = LandmarkNet(net.config).eval()
    pictures = images.permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        errors = [
            np.mean((model(pictures) - eyes_first(landmarks))[..., :2].norm(dim=-1).numpy())
            for model in (fresh, net)
        ]
    assert errors[1] < 0.6 * errors[0]
