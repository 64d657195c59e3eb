"""Distortions of rendered faces: landmarks follow, values stay, draws repeat."""

import numpy as np
import pytest
import torch

from painlab.training import distort as module
from painlab.training.distort import cover, degrade, distort, move, recolour

SIZE = 64


@pytest.fixture
def dots():
    """Pictures with one bright dot each, and landmarks that all lie on it."""
    places = torch.tensor([[20.0, 30.0], [40.0, 25.0], [31.0, 40.0], [33.0, 33.0]])
    rows, cols = torch.arange(SIZE)[:, None], torch.arange(SIZE)
    images = torch.stack([
        torch.exp(-((cols - x) ** 2 + (rows - y) ** 2) / 8.0) for x, y in places
    ])  # b height width  # fmt: skip
    landmarks = torch.cat([places, torch.full((4, 1), 5.0)], 1)[:, None].expand(4, 68, 3)
    return images[:, None].expand(4, 3, SIZE, SIZE).clone(), landmarks.clone()


def test_landmarks_move_with_the_picture(dots):
    images, landmarks = dots
    moved, places = move(images, landmarks, np.random.default_rng(1))
    weight = moved[:, 0]
    total = weight.sum((1, 2))
    x = (weight.sum(1) * torch.arange(SIZE)).sum(1) / total
    y = (weight.sum(2) * torch.arange(SIZE)).sum(1) / total
    assert (places[:, 0, 0] - x).abs().max() < 0.3
    assert (places[:, 0, 1] - y).abs().max() < 0.3
    assert (places[:, 0, :2] - landmarks[:, 0, :2]).abs().max() > 1  # it did move
    zoom = (total / images[:, 0].sum((1, 2))).sqrt()
    assert torch.allclose(places[:, 0, 2] / 5.0, zoom, atol=0.03)


@pytest.mark.parametrize("change", [recolour, cover, degrade])
def test_nothing_else_moves_and_values_stay(dots, change):
    images, _ = dots
    changed = change(images, np.random.default_rng(0))
    assert changed.shape == images.shape
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not torch.equal(changed, images)


def test_the_same_draw_gives_the_same_pictures(dots):
    images, landmarks = dots
    one, other = (distort(images, landmarks, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])
    third = distort(images, landmarks, np.random.default_rng(4))
    assert not torch.equal(one[0], third[0])


def test_inputs_are_left_alone(dots):
    images, landmarks = dots
    before = images.clone(), landmarks.clone()
    distort(images, landmarks, np.random.default_rng(0))
    assert torch.equal(images, before[0])
    assert torch.equal(landmarks, before[1])


def test_a_blur_keeps_the_mean_and_spreads_a_dot(dots):
    image = dots[0][3]
    blurred = module._blurred(image, 2.0, np.random.default_rng(0))
    assert blurred.mean() == pytest.approx(float(image.mean()), rel=1e-3)
    assert blurred.max() < 0.8 * image.max()
