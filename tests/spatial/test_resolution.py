"""A TNT for pictures of another size."""

import numpy as np
import pytest
import torch

from painlab.config import TNTConfig
from painlab.errors import PainLabError
from painlab.spatial.resolution import at_resolution, interpolate_positions
from painlab.spatial.tnt import TNT

CONFIG = TNTConfig(image_size=32, dim=24, inner_dim=8, heads=3, depth=2)


def cubic(x):
    """Keys' kernel with a = -0.75, which PyTorch's bicubic interpolation uses."""
    x, a = abs(x), -0.75
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def weights_by_hand(old: int, new: int):
    """What each of the new places takes from each old one; the edge goes on beyond itself."""
    matrix = np.zeros((new, old))
    for i in range(new):
        place = (i + 0.5) * old / new - 0.5
        first = int(np.floor(place)) - 1
        for j in range(first, first + 4):
            matrix[i, min(max(j, 0), old - 1)] += cubic(place - j)
    return matrix


@pytest.mark.parametrize(("old", "new"), [(3, 6), (4, 3), (7, 14)])
def test_positions_are_interpolated_bicubically(old, new):
    positions = torch.randn(1 + old**2, 5)
    found = interpolate_positions(positions, new**2)
    assert torch.equal(found[0], positions[0])  # the class token has no place
    weights = weights_by_hand(old, new)
    grid = positions[1:].double().numpy().reshape(old, old, 5)
    expected = np.einsum("xi,yj,ijd->xyd", weights, weights, grid).reshape(-1, 5)
    np.testing.assert_allclose(found[1:].numpy(), expected, atol=1e-5)


def test_at_the_same_size_the_function_stays():
    model = TNT(CONFIG).eval()
    same = at_resolution(model, 32)
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(same(images), model(images))
    assert same.patch_position.data_ptr() != model.patch_position.data_ptr()


def test_only_the_places_of_patches_change():
    model = TNT(CONFIG).double()
    other = at_resolution(model, 64)
    assert other.config.image_size == 64
    assert other.training
    assert other.class_token.dtype == torch.float64
    for name, tensor in model.state_dict().items():
        changed = other.state_dict()[name]
        assert changed.shape == ((17, 24) if name == "patch_position" else tensor.shape)
        if name != "patch_position":
            assert torch.equal(changed, tensor)
    assert other(torch.zeros(1, 3, 64, 64).double()).shape == (1, 24)
    assert at_resolution(model.eval(), 64).training is False


def test_a_size_that_patches_do_not_fill_is_refused():
    with pytest.raises(PainLabError, match="must be a multiple of patch_size 16"):
        at_resolution(TNT(CONFIG), 40)
