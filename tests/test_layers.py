import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from painlab import attention
from painlab.layers import FUSED_FROM, Attention, DropPath, GatedFeedForward


def test_attention_by_hand():
    """Two keys, one query: scores ln 3 and 0 give weights 3/4 and 1/4."""
    q = torch.tensor([[1.0]])
    k = torch.tensor([[math.log(3)], [0.0]])
    v = torch.tensor([[4.0, 0.0], [0.0, 8.0]])
    out, weights = attention(q, k, v, return_weights=True)
    torch.testing.assert_close(weights, torch.tensor([[0.75, 0.25]]))
    torch.testing.assert_close(out, torch.tensor([[3.0, 2.0]]))


@given(
    q=st.integers(1, 5),
    t=st.sampled_from([1, 7, FUSED_FROM, FUSED_FROM + 3]),
    dh=st.integers(1, 6),
    masked=st.booleans(),
)
def test_attention_equals_pytorchs_own(q, t, dh, masked):
    torch.manual_seed(q * 1000 + t * 10 + dh)
    a, b, c = (torch.randn(2, 3, n, dh, dtype=torch.float64) for n in (q, t, t))
    mask = torch.rand(2, 1, q, t) > 0.4 if masked else None
    if masked:
        mask[..., 0] = True
    expected = F.scaled_dot_product_attention(a, b, c, attn_mask=mask)
    torch.testing.assert_close(attention(a, b, c, mask=mask), expected)
    out, weights = attention(a, b, c, mask=mask, return_weights=True)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))


@pytest.mark.parametrize("return_weights", [False, True])
def test_a_query_that_may_look_nowhere_gets_zeros_and_a_finite_gradient(return_weights):
    q, k, v = (torch.randn(2, 5, 4, requires_grad=True) for _ in range(3))
    mask = torch.ones(2, 5, 5, dtype=torch.bool)
    mask[0, 1] = False
    out = attention(q, k, v, mask=mask, return_weights=return_weights)
    out = out[0] if return_weights else out
    assert torch.equal(out[0, 1], torch.zeros(4))
    out.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in (q, k, v))


def test_dropout_sets_weights_to_zero_and_keeps_the_mean():
    torch.manual_seed(0)
    q, k = torch.zeros(1, 4000, 2), torch.zeros(1, 8, 2)
    v = torch.ones(1, 8, 1)
    out = attention(q, k, v, dropout=0.5)
    assert set((out * 4).round().unique().tolist()) <= set(range(9))
    assert out.std() > 0.1
    assert out.mean().item() == pytest.approx(1.0, abs=0.05)


def test_multi_head_attention_equals_pytorchs_module():
    torch.manual_seed(0)
    ours = Attention(dim=12, heads=3).double()
    theirs = torch.nn.MultiheadAttention(12, 3, bias=True, batch_first=True).double()
    theirs.in_proj_weight.data = torch.cat([ours.to_q.weight, ours.to_kv.weight]).detach()
    theirs.in_proj_bias.data.zero_()
    theirs.out_proj.load_state_dict(ours.to_out.state_dict())
    x = torch.randn(2, 7, 12, dtype=torch.float64)
    expected, weights = theirs(x, x, x, average_attn_weights=False)
    out, own = ours(x, return_weights=True)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(own, weights)
    torch.testing.assert_close(ours(x), expected)


def test_cross_attention_reads_the_context():
    layer = Attention(dim=8, heads=2, head_dim=5, context_dim=3)
    out, weights = layer(torch.randn(2, 4, 8), torch.randn(2, 6, 3), return_weights=True)
    assert out.shape == (2, 4, 8)
    assert weights.shape == (2, 2, 4, 6)


def test_gated_feed_forward_by_hand():
    layer = GatedFeedForward(dim=1, factor=1)
    layer.to_hidden.weight.data = torch.tensor([[2.0], [3.0]])
    layer.to_out.weight.data = torch.tensor([[1.0]])
    torch.nn.init.zeros_(layer.to_hidden.bias)
    torch.nn.init.zeros_(layer.to_out.bias)
    gelu_3 = 3 * 0.5 * (1 + math.erf(3 / math.sqrt(2)))
    assert layer(torch.tensor([[1.0]])).item() == pytest.approx(2 * gelu_3, rel=1e-6)


def test_drop_path_drops_whole_sequences_and_keeps_the_mean():
    torch.manual_seed(0)
    layer = DropPath(0.25)
    x = torch.ones(4000, 3, 2)
    out = layer.train()(x)
    per_sequence = out.flatten(1)
    assert ((per_sequence == 0).all(1) | (per_sequence == 1 / 0.75).all(1)).all()
    assert out.mean().item() == pytest.approx(1.0, abs=0.05)
    assert layer.eval()(x) is x
