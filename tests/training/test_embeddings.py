"""Features of frozen networks, and the plain pixels beside them."""

import numpy as np
import pytest
import torch

from painlab.config import TNTConfig
from painlab.spatial.tnt import TNT
from painlab.training.embeddings import frozen_features, mean_colour, small_pixels, untrained

CONFIG = TNTConfig(image_size=32, dim=12, inner_dim=4, depth=2, heads=2, inner_heads=2)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


def test_features_are_those_of_the_network_in_evaluation_mode(images):
    tnt = TNT(CONFIG).train()
    features = frozen_features(tnt, images, at_once=2)
    assert tnt.training
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2) / 255 * 2 - 1
    with torch.inference_mode():
        assert np.allclose(features, tnt.eval()(pictures).numpy(), atol=1e-5)


def test_pictures_are_brought_to_the_networks_size(images):
    tnt = TNT(CONFIG)
    larger = images.repeat(2, axis=1).repeat(2, axis=2)  # 5 64 64 3: the same after means of 2 × 2
    assert np.allclose(frozen_features(tnt, larger), frozen_features(tnt, images), atol=1e-5)


def test_an_untrained_network_is_the_same_each_time():
    before = torch.random.get_rng_state()
    one, two = untrained(TNT(CONFIG)), untrained(TNT(CONFIG))
    assert not one.training
    assert one.config == CONFIG
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name]), name
    torch.random.set_rng_state(before)
    untrained(one)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.equal(untrained(one, seed=1).class_token, one.class_token)
    assert not torch.equal(untrained(one, begun=True).patch_position, one.patch_position)


def test_plain_pixels(images):
    assert np.allclose(mean_colour(images), images.astype(float).mean((1, 2)))
    small = small_pixels(images, size=4)
    assert small.shape == (5, 48)
    assert np.abs(small[0, :3] - images[0, :8, :8].astype(float).mean((0, 1))).max() <= 0.5
    grey = small_pixels(images, size=4, grey=True)
    assert np.allclose(grey, small.reshape(5, 16, 3) @ [0.299, 0.587, 0.114])
