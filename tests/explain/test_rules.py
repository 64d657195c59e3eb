"""Each rule on an example worked by hand, and for what it keeps."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from painlab.explain.rules import (
    activation_rule,
    addition_rule,
    concatenation_rule,
    divide,
    index_rule,
    linear_rule,
    mean_rule,
    norm_rule,
    product_rule,
    weighted_sum_rule,
)


def close(found, *expected):
    assert_close(found, torch.tensor(expected), rtol=1e-6, atol=1e-6)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def test_a_linear_map_shares_by_positive_contributions_worked_by_hand():
    x = torch.tensor([[2.0, -1.0]])
    weight = torch.tensor([[1.0, -2.0], [3.0, 1.0]])  # contributions 2, 2 and 6, -1
    close(linear_rule(x, weight, torch.tensor([[1.0, 5.0]])), [0.5 + 5.0, 0.5])


def test_where_nothing_is_positive_the_negative_contributions_share_worked_by_hand():
    x, weight = torch.tensor([1.0, 2.0]), torch.tensor([[-1.0, -1.0], [1.0, -1.0], [0.0, 0.0]])
    # contributions -1, -2; then 1, -2; then none at all, whose relevance only a bias could have
    close(linear_rule(x, weight, torch.tensor([3.0, 4.0, 5.0])), 1.0 + 4.0, 2.0)


@pytest.mark.parametrize("axes", [(), (3,), (2, 3)])
def test_a_linear_map_keeps_the_sum_on_any_batch(axes):
    relevance = draw(*axes, 5, seed=2)
    found = linear_rule(draw(*axes, 40), draw(5, 40, seed=1), relevance)
    assert_close(found.sum(), relevance.sum())


def test_a_linear_map_is_that_of_the_equation_term_by_term():
    x, weight, relevance = draw(7), draw(4, 7, seed=1), draw(4, seed=2)
    expected = torch.zeros(7, dtype=torch.float64)
    for o in range(4):
        positive = [max(float(x[i] * weight[o, i]), 0) for i in range(7)]
        for i in range(7):
            expected[i] += positive[i] / sum(positive) * relevance[o]
    assert_close(linear_rule(x, weight, relevance), expected)


def test_a_convolution_is_a_linear_map():
    x, weight, relevance = draw(2, 3, 8, 8), draw(5, 3, 4, 4, seed=1), draw(2, 5, 2, 2, seed=2)

    def convolve(x, weight):
        return F.conv2d(x, weight, stride=4)

    found = linear_rule(x, weight, relevance, apply=convolve)
    flat = F.unfold(x, 4, stride=4).mT  # 2 (4 places) (3·4·4)
    same = linear_rule(flat, weight.flatten(1), relevance.flatten(2).mT)
    assert_close(found, F.fold(same.mT, 8, 4, stride=4))


def test_a_product_gives_half_to_each_factor_worked_by_hand():
    u, v = torch.tensor([[1.0, 4.0]]), torch.tensor([[2.0], [0.5]])  # contributions 2 and 2
    of_u, of_v = product_rule(u, v, torch.tensor([[8.0]]))
    close(of_u, [2.0, 2.0])
    close(of_v, [2.0], [2.0])
    of_u, of_v = product_rule(
        torch.tensor([2.0, 5.0]), torch.tensor([3.0, 0.0]), torch.tensor([1.0, 1.0]),
        product=torch.mul,
    )  # fmt: skip
    close(of_u, 0.5, 0.0)  # a product of 0 tells nothing of its factors: its relevance is lost
    close(of_v, 0.5, 0.0)


def test_a_product_has_signs_and_keeps_the_sum():
    u, v, relevance = draw(2, 3, 4), draw(2, 4, 5, seed=1), draw(2, 3, 5, seed=2)
    of_u, of_v = product_rule(u, v, relevance)
    assert_close(of_u.sum(), relevance.sum() / 2)
    assert_close(of_v.sum(), relevance.sum() / 2)
    assert (of_u < 0).any()


def test_without_the_normalisation_a_product_would_double_the_relevance():
    """Lemma 1 of the paper, and that Eq. 9 comes to a half for each factor."""
    u, v, relevance = draw(3, 4), draw(4, 5, seed=1), draw(3, 5, seed=2)
    share = relevance / (u @ v)
    plain_u, plain_v = u * (share @ v.mT), v * (u.mT @ share)
    assert_close(plain_u.sum() + plain_v.sum(), 2 * relevance.sum())
    both = plain_u.sum().abs() + plain_v.sum().abs()
    of_u, of_v = product_rule(u, v, relevance)
    for plain, found in ((plain_u, of_u), (plain_v, of_v)):
        normalised = plain * plain.sum().abs() / both * relevance.sum() / plain.sum()
        assert_close(found, normalised)


def test_a_weighted_sum_worked_by_hand():
    weights = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    values = torch.tensor([[1.0], [3.0]])  # what comes out: 2 and 1
    of_weights, of_values = weighted_sum_rule(weights, values, torch.tensor([[4.0], [2.0]]))
    close(of_weights, [0.5, 1.5], [1.0, 0.0])
    close(of_values, [1.5], [1.5])


def test_an_addition_shares_by_size_worked_by_hand():
    u, v = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 2.0]])
    of_u, of_v = addition_rule(u, v, torch.tensor([[4.0, 2.0]]))
    close(of_u, [1.0, 1.0])
    close(of_v, [3.0, 1.0])


def test_an_addition_that_nearly_cancels_is_bounded_worked_by_hand():
    u, v = torch.tensor([[3.0]]), torch.tensor([[-2.0]])  # plain shares 3 and -2 of 1
    of_u, of_v = addition_rule(u, v, torch.tensor([[1.0]]))
    close(of_u, [0.6])  # 3 · 3/5 · 1/3
    close(of_v, [0.4])  # -2 · 2/5 · 1/-2


def test_an_addition_broadcasts_and_gives_back_the_summands_shape():
    u, v, relevance = draw(2, 3, 4), draw(3, 4, seed=1), draw(2, 3, 4, seed=2)
    of_u, of_v = addition_rule(u, v, relevance)
    assert of_u.shape == u.shape
    assert of_v.shape == v.shape
    assert_close(of_u.sum() + of_v.sum(), relevance.sum())


def test_an_addition_does_not_let_one_sample_change_another():
    u, v, relevance = draw(4, 3, 5), draw(4, 3, 5, seed=1), draw(4, 3, 5, seed=2)
    whole = addition_rule(u, v, relevance)
    for i in range(4):
        alone = addition_rule(u[i : i + 1], v[i : i + 1], relevance[i : i + 1])
        assert_close(torch.cat(alone), torch.stack([part[i] for part in whole]))


@given(st.integers(0, 10_000))
def test_an_addition_keeps_the_sum_of_each_sample_whatever_its_signs(seed):
    u, v, relevance = (draw(3, 6, seed=3 * seed + i) for i in range(3))
    of_u, of_v = addition_rule(u, v, relevance)
    assert_close((of_u + of_v).sum(dim=1), relevance.sum(dim=1))
    bound = relevance.sum(dim=1).abs() * (1 + 1e-6)
    assert (of_u.sum(dim=1).abs() <= bound).all()


def test_a_mean_shares_by_size_and_keeps_the_sum():
    close(mean_rule(torch.tensor([[1.0], [-3.0]]), torch.tensor([1.0]), axis=0), [-0.5], [1.5])
    x, relevance = draw(2, 4, 5), draw(2, 5, seed=1)
    assert_close(mean_rule(x, relevance, axis=1).sum(dim=1), relevance)


def test_concatenation_and_indexing_route_as_the_gradient_does():
    """`UnderRules` leaves both to PyTorch's gradient: it must be the rule."""
    a, b = draw(2, 1, 3).requires_grad_(), draw(2, 4, 3, seed=1).requires_grad_()
    relevance = draw(2, 5, 3, seed=2)
    routed = torch.autograd.grad(torch.cat([a, b], dim=1), [a, b], relevance)
    for found, expected in zip(concatenation_rule(relevance, [1, 4], axis=1), routed, strict=True):
        assert_close(found, expected)
    (routed,) = torch.autograd.grad(b[:, 2], b, relevance[:, 0])
    assert_close(index_rule(relevance[:, 0], index=2, size=4, axis=1), routed)


def test_norm_and_activation_pass_relevance_on():
    relevance = draw(3, 4)
    assert torch.equal(norm_rule(relevance), relevance)
    assert torch.equal(activation_rule(relevance), relevance)


def test_nothing_divided_by_nothing_is_nothing():
    close(divide(torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0.0, 0.0, -4.0])), 0.0, 0.0, -0.5)
