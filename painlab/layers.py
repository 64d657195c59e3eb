"""Attention, feed-forward and DropPath: the parts that both transformers are built from."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import einsum, rearrange
from torch import Tensor, nn

from painlab.errors import ShapeError
from painlab.typing import Bool, Float

# a probability, or what sets weights to 0 itself and scales up the others
Dropout = float | int | Callable[[Tensor], Tensor]

# Below so many keys the fused kernel costs more than the table of weights that it avoids:
# 4.7 against 2.9 ms for the 16 sub-patches of 784 patches on one core.
FUSED_FROM = 64


def attention(
    q: Float[Tensor, "... q dh"],
    k: Float[Tensor, "... t dh"],
    v: Float[Tensor, "... t dv"],
    *,
    mask: Bool[Tensor, "..."] | None = None,
    dropout: Dropout = 0.0,
    return_weights: bool = False,
):
    r"""Dot-product attention, :math:`\mathrm{softmax}(QK^\top/\sqrt{d_k})\,V`.

    This is Eq. 4 of the paper with V outside the softmax, where Vaswani et al. (2017) have it;
    as printed, V is inside, and the rows of the result would not be weighted means of V.

    Args:
        q: queries, one row for each output.
        k: keys, as many channels as the queries.
        v: values, one row for each key.
        mask: True where a query may look at a key; anything that broadcasts to (... q t).
            A query that may look nowhere gets zeros. Values that nobody may look at must still
            be numbers: 0 times NaN is NaN.
        dropout: probability with which a weight is set to 0 (training only: pass 0 otherwise), or
            a function that does so to all weights (... q t).
        return_weights: also return the softmax (before dropout), whose rows sum to 1.

    Raises:
        ShapeError: where queries and keys differ in channels, or keys and values in number.

    Returns:
        (... q dv), or with ``return_weights`` the pair (... q dv), (... q t).

    Example:
        >>> q, k, v = torch.randn(2, 4, 8), torch.randn(2, 6, 8), torch.randn(2, 6, 3)
        >>> out, weights = attention(q, k, v, return_weights=True)
        >>> out.shape, weights.shape
        (torch.Size([2, 4, 3]), torch.Size([2, 4, 6]))
    """
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        shapes = ", ".join(f"{name} {tuple(x.shape)}" for name, x in (("q", q), ("k", k), ("v", v)))
        raise ShapeError(f"attention takes q (... q dh), k (... t dh), v (... t dv), not {shapes}.")
    fused = not return_weights and mask is None and not callable(dropout)
    if fused and k.shape[-2] >= FUSED_FROM:
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)  # the same, fused
    scores = einsum(q, k, "... q dh, ... t dh -> ... q t") * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
        # a row of -inf alone would be 0/0: such a query attends to nothing
        scores = scores.masked_fill(~mask.any(dim=-1, keepdim=True), 0.0)
    weights = scores.softmax(dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)
    if callable(dropout):
        kept = dropout(weights)
    else:
        kept = F.dropout(weights, dropout) if dropout else weights
    out = einsum(kept, v, "... q t, ... t dh -> ... q dh")
    return (out, weights) if return_weights else out


class Attention(nn.Module):
    """Multi-head attention with learned projections; self-attention if no context is given.

    Q comes from the first argument, K and V from ``context`` (paper III-B.1: Q = X W_Q and so on).
    Query, key and value projections have no bias, as in both reference implementations.

    Args:
        dim: channels of the input and the output.
        heads: attention heads.
        head_dim: channels of one head; ``dim / heads`` if None.
        context_dim: channels of the context; ``dim`` if None.
        dropout: attention dropout in training, as `attention` takes it.
    """

    def __init__(
        self,
        *,
        dim: int,
        heads: int,
        head_dim: int | None = None,
        context_dim: int | None = None,
        dropout: Dropout = 0.0,
    ):
        super().__init__()
        width = heads * (head_dim or dim // heads)
        self.heads, self.dropout = heads, dropout
        self.to_q = nn.Linear(dim, width, bias=False)
        self.to_kv = nn.Linear(context_dim or dim, 2 * width, bias=False)
        self.to_out = nn.Linear(width, dim)

    def forward(
        self,
        x: Float[Tensor, "... q d"],
        context: Float[Tensor, "... t dc"] | None = None,
        *,
        mask: Bool[Tensor, "..."] | None = None,
        return_weights: bool = False,
    ):
        """Attend from ``x`` to ``context``, or to ``x`` itself.

        Returns (... q d), or with ``return_weights`` also the weights (... heads q t).
        """
        q = self.to_q(x)
        k, v = self.to_kv(x if context is None else context).chunk(2, dim=-1)
        q, k, v = (
            rearrange(a, "... t (heads dh) -> ... heads t dh", heads=self.heads) for a in (q, k, v)
        )
        dropout = self.dropout if self.training else 0.0
        out = attention(q, k, v, mask=mask, dropout=dropout, return_weights=return_weights)
        out, weights = out if return_weights else (out, None)
        out = self.to_out(rearrange(out, "... heads t dh -> ... t (heads dh)"))
        return (out, weights) if return_weights else out


class FeedForward(nn.Sequential):
    """Two linear layers with a GELU between them, each token by itself (Vaswani et al. 2017)."""

    def __init__(self, *, dim: int, factor: int = 4):
        super().__init__(nn.Linear(dim, factor * dim), nn.GELU(), nn.Linear(factor * dim, dim))


class GatedFeedForward(nn.Module):
    """A feed-forward network whose GELU gates a second linear path (GEGLU, Shazeer 2020).

    The published Perceiver has it after each attention, and so has our temporal module: the
    "fully connected neural network (FCN)" of paper III-B.2.
    """

    def __init__(self, *, dim: int, factor: int = 4):
        super().__init__()
        self.to_hidden = nn.Linear(dim, 2 * factor * dim)
        self.to_out = nn.Linear(factor * dim, dim)

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """Apply the network to each token: (... d) to (... d)."""
        value, gate = self.to_hidden(x).chunk(2, dim=-1)
        return self.to_out(value * F.gelu(gate))


class DropPath(nn.Module):
    """Skip a residual branch for a whole sequence at random while training (Huang et al. 2016).

    A sequence is everything but the last two axes: an image in the outer transformer, a patch in
    the inner one, as in TNT's published code. What is kept is scaled up, so the mean is unchanged.
    """

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    def forward(self, x: Float[Tensor, "... t d"]) -> Float[Tensor, "... t d"]:
        """Return ``x``, or zeros in the place of the dropped sequences."""
        if not self.training or self.probability == 0:
            return x
        kept = torch.rand(x.shape[:-2], device=x.device) >= self.probability
        return x * (kept[..., None, None].to(x.dtype) / (1 - self.probability))

    def extra_repr(self) -> str:
        """The probability, for ``print(model)``."""
        return f"{self.probability:.3g}"
