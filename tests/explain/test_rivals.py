"""The other methods, each against what its paper writes, and worked by hand."""

import torch
from torch.testing import assert_close

import painlab as pl
from painlab.config import TNTConfig
from painlab.explain.propagate import chefer_map, roll_out
from painlab.explain.rivals import centred_map, gradient_map, last_layer, mean_map, mean_roll_out


def draw(*shape, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_maps_of_one_query_worked_by_hand():
    weights = torch.tensor([[[0.75, 0.25]], [[0.5, 0.5]]])  # two heads, one query, two keys
    gradient = torch.tensor([[[2.0, -4.0]], [[1.0, 3.0]]])
    relevance = torch.tensor([[[0.5, 0.5]], [[-1.0, 1.0]]])
    assert_close(mean_map(weights), torch.tensor([[0.625, 0.375]]))
    # 1.5, -1 and 0.5, 1.5
    assert_close(gradient_map(weights, gradient), torch.tensor([[1.0, 0.75]]))
    # 1, -2 and -1, 3
    assert_close(chefer_map(weights, gradient, relevance), torch.tensor([[0.5, 1.5]]))
    # the means of the gradients are 0.5 and 2: 1.5, -4.5 and -1, 1; times relevance
    assert_close(centred_map(weights, gradient, relevance), torch.tensor([[0.875, 0.5]]))


def test_the_centred_map_does_not_see_what_is_common_to_a_querys_gradients():
    weights = draw(2, 3, 5).softmax(-1)
    gradient, relevance = draw(2, 3, 5, seed=1), draw(2, 3, 5, seed=2)
    shifted = gradient + draw(2, 3, 1, seed=3)
    found = centred_map(weights, gradient, relevance)
    assert_close(centred_map(weights, shifted, relevance), found)
    assert not torch.allclose(
        chefer_map(weights, shifted, relevance), chefer_map(weights, gradient, relevance)
    )


def test_the_centred_gradient_is_that_of_the_scores():
    scores = draw(3, 5).requires_grad_()
    weights = scores.softmax(-1)
    (weights * draw(3, 5, seed=1)).sum().backward()
    gradient = draw(3, 5, seed=1)
    common = (weights * gradient).sum(-1, keepdim=True)
    assert_close(scores.grad, (weights * (gradient - common)).detach())


def test_joining_layers_is_the_product_of_their_matrices():
    maps = [draw(2, 4, 4, seed=i).abs() for i in range(3)]
    row, eye = torch.zeros(2, 4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)
    row[:, 0] = 1
    whole = (eye + maps[2]) @ (eye + maps[1]) @ (eye + maps[0])
    assert_close(roll_out(row, maps), whole[:, 0])
    maps = [m / m.sum(-1, keepdim=True) for m in maps]
    halves = [(eye + m) / 2 for m in maps]  # Abnar and Zuidema: rows still add up to 1
    found = mean_roll_out(row, maps)
    assert_close(found, (halves[2] @ halves[1] @ halves[0])[:, 0])
    assert_close(found.sum(-1), torch.ones(2, dtype=torch.float64))
    assert_close(last_layer(row, maps), maps[-1][:, 0])


def test_on_a_tnt_raw_attention_is_the_last_class_tokens_row():
    model = pl.TNT(TNTConfig(image_size=32, depth=2, classes=2)).eval()
    images = draw(2, 3, 32, 32).float()
    with torch.no_grad():
        _, maps = model(images, return_attention=True)
    row = maps.outer[-1].mean(dim=1)[:, 0, 1:]
    found = pl.relevance(model, images, method="attention").spatial.flatten(1)
    assert_close(found, row / row.sum(-1, keepdim=True))


def test_gradient_times_input_of_a_tnt():
    model = pl.TNT(TNTConfig(image_size=32, depth=2, classes=2)).eval()
    images = draw(2, 3, 32, 32).float().requires_grad_()
    model(images)[:, 1].sum().backward()
    values = (images.grad * images).detach().sum(1)
    expected = torch.nn.functional.avg_pool2d(values[:, None], 4)[:, 0] * 16
    found = pl.relevance(model, images, method="gradient-input", target=1).fine[:, 0]
    assert_close(found, expected.clamp(min=0), rtol=1e-4, atol=1e-7)
