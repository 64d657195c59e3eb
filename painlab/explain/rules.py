"""How relevance passes back through one operation: the rules of Chefer, Gur and Wolf (CVPR 2021).

Relevance starts as 1 at the logit to be explained and is handed down, operation by operation, from
what came out to what went in. Each function here is one such step: it takes what went into the
operation and the relevance of what came out, and returns the relevance of what went in. None of
them knows a model, and all of them work on the last axes, whatever stands before; only
`addition_rule` must know that the first axis is the batch.

The equations are numbered as in "Transformer interpretability beyond attention visualization".
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from painlab.typing import Float


def divide(relevance: Float[Tensor, "..."], total: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Relevance for each unit of what came out; 0 where nothing came out.

    Example:
        >>> divide(torch.tensor([1.0, 1.0]), torch.tensor([4.0, 0.0]))
        tensor([0.2500, 0.0000])
    """
    return relevance / total.masked_fill(total == 0, torch.inf)


def linear_rule(
    x: Float[Tensor, "..."],
    weight: Float[Tensor, "..."],
    relevance: Float[Tensor, "..."],
    *,
    apply: Callable[[Tensor, Tensor], Tensor] = F.linear,
) -> Float[Tensor, "..."]:
    r"""The relevance of a linear map's input: positive contributions only (α = 1, β = 0; Eq. 4).

    .. math:: R_i = \sum_o \frac{(x_i w_{oi})^+}{\sum_{i'} (x_{i'} w_{oi'})^+} R_o

    The bias gets nothing. Where nothing contributed positively the equation is 0 / 0, and the
    relevance would be lost: up to half a percent in the inner transformer, whose vectors are short.
    There the negative contributions share it, so that the sum is kept.

    Args:
        x: what went in, (... i).
        weight: (o i), as in ``nn.Linear``.
        relevance: of what came out, (... o).
        apply: any other map that is linear in both, such as a convolution without its bias.

    Returns:
        As ``x``, (... i).

    Example:
        >>> x, weight = torch.tensor([1.0, 2.0, -1.0]), torch.tensor([[3.0, -1.0, -1.0]])
        >>> linear_rule(x, weight, torch.tensor([1.0]))  # contributions 3, -2, 1
        tensor([0.7500, 0.0000, 0.2500])
    """
    shares, total = _positive_shares(x, weight, relevance, apply)
    some = total != 0
    if some.all():
        return shares
    return shares + _positive_shares(x, -weight, relevance.masked_fill(some, 0.0), apply)[0]


def _positive_shares(x: Tensor, weight: Tensor, relevance: Tensor, apply) -> tuple[Tensor, Tensor]:
    """Relevance by positive contributions, and these contributions' sum for each output."""
    parts = [(x.clamp(min=0), weight.clamp(min=0)), (x.clamp(max=0), weight.clamp(max=0))]
    pulled = [torch.func.vjp(lambda a, w=w: apply(a, w), a) for a, w in parts]
    total = pulled[0][0] + pulled[1][0]
    share = divide(relevance, total)
    of_x = [a * pull(share)[0] for (a, _), (_, pull) in zip(parts, pulled, strict=True)]
    return of_x[0] + of_x[1], total


def product_rule(
    u: Float[Tensor, "..."],
    v: Float[Tensor, "..."],
    relevance: Float[Tensor, "..."],
    *,
    product: Callable[[Tensor, Tensor], Tensor] = torch.matmul,
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
    r"""The relevances of a product's factors: half for each, by contribution (Eqs. 5, 6 and 9).

    .. math:: R_i^u = \tfrac12 \sum_o u_i \frac{\partial L_o}{\partial u_i} \frac{R_o}{L_o}

    for the product L(u, v), and likewise for v. Either sum alone would be the whole relevance
    (the paper's Lemma 1: without more it doubles at each product), so the paper's normalisation
    (Eq. 9) is a half for both. Contributions have signs, so relevance may have too.

    Args:
        u: the one factor.
        v: the other.
        relevance: of the product.
        product: any map that is linear in each of both: a matrix product, queries and keys, or
            element by element.

    Returns:
        As ``u`` and as ``v``.

    Example:
        >>> u, v = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [1.0]])
        >>> product_rule(u, v, torch.tensor([[1.0]]))  # contributions 3 and 2 of 5
        (tensor([[0.3000, 0.2000]]), tensor([[0.3000],
                [0.2000]]))
    """
    total, pull = torch.func.vjp(product, u, v)
    from_u, from_v = pull(divide(relevance, total))
    return u * from_u / 2, v * from_v / 2


def weighted_sum_rule(
    weights: Float[Tensor, "... q t"],
    values: Float[Tensor, "... t dv"],
    relevance: Float[Tensor, "... q dv"],
) -> tuple[Float[Tensor, "... q t"], Float[Tensor, "... t dv"]]:
    r"""The relevances of attention weights and of the values that they add up (Eqs. 5, 6 and 9).

    A matrix product like others. The first result is :math:`R^{(A)}`, from which the relevance map
    of the layer is made. It goes on to queries and keys: the softmax passes it as it is.

    Example:
        >>> weights, values = torch.tensor([[0.25, 0.75]]), torch.tensor([[1.0], [1.0]])
        >>> weighted_sum_rule(weights, values, torch.tensor([[1.0]]))[0]
        tensor([[0.1250, 0.3750]])
    """
    return product_rule(weights, values, relevance)


def addition_rule(
    u: Float[Tensor, "..."], v: Float[Tensor, "..."], relevance: Float[Tensor, "..."]
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
    r"""The relevances of two summands, each element by its part of the sum (Eqs. 5, 6, 8 and 9).

    .. math::
        R_i^u = \frac{u_i}{u_i + v_i} R_i, \qquad
        \bar R_i^u = R_i^u \cdot \frac{|\sum R^u|}{|\sum R^u| + |\sum R^v|}
                     \cdot \frac{\sum R}{\sum R^u}

    Where u and v nearly cancel, the plain shares are huge and of opposite sign. The second line
    bounds the sums: together they are those of ``relevance``, and neither is larger or of another
    sign. Sums run over all axes but the first, the batch, so that no clip changes another's map.

    Args:
        u: one summand, as large as the sum or fitting it by broadcasting.
        v: the other.
        relevance: of the sum, (b ...).

    Returns:
        As ``u`` and as ``v``.

    Example:
        >>> u, v = torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, 1.0]])
        >>> addition_rule(u, v, torch.tensor([[1.0, 1.0]]))
        (tensor([[0.7500, 0.5000]]), tensor([[0.2500, 0.5000]]))
    """
    share = divide(relevance, u + v)
    from_u, from_v = u * share, v * share
    sum_u, sum_v, whole = (_sum_of_sample(r) for r in (from_u, from_v, relevance))
    scale = divide(whole, sum_u.abs() + sum_v.abs())
    from_u, from_v = from_u * scale * sum_u.sign(), from_v * scale * sum_v.sign()
    return from_u.sum_to_size(u.shape), from_v.sum_to_size(v.shape)


def _sum_of_sample(x: Tensor) -> Tensor:
    return x.sum(dim=tuple(range(1, x.ndim)), keepdim=True)


def mean_rule(
    x: Float[Tensor, "..."], relevance: Float[Tensor, "..."], *, axis: int
) -> Float[Tensor, "..."]:
    r"""The relevance of what a mean was taken over: each by its part of the sum (Eq. 5).

    .. math:: R_l = \frac{x_l}{\sum_{l'} x_{l'}} R

    A mean is an addition of many, so it is shared like one, with signs. The positive parts alone,
    as for a linear map, would lose the relevance of each channel in which all are negative, which
    among a few latents are many. The paper's models have no mean.

    Args:
        x: what went in, with ``axis``.
        relevance: of the mean, without it.
        axis: along which the mean was taken.

    Example:
        >>> mean_rule(torch.tensor([[1.0, 3.0]]), torch.tensor([1.0]), axis=1)
        tensor([[0.2500, 0.7500]])
    """
    return x * divide(relevance, x.sum(dim=axis)).unsqueeze(axis)


def concatenation_rule(
    relevance: Float[Tensor, "..."], sizes: list[int], *, axis: int
) -> tuple[Float[Tensor, "..."], ...]:
    """The relevances of what was put side by side, as the class token before the patches.

    Example:
        >>> concatenation_rule(torch.tensor([1.0, 2.0, 3.0]), [1, 2], axis=0)
        (tensor([1.]), tensor([2., 3.]))
    """
    return relevance.split(sizes, dim=axis)


def index_rule(
    relevance: Float[Tensor, "..."], *, index: int, size: int, axis: int
) -> Float[Tensor, "..."]:
    """The relevance of what one was taken from, as the class token at the end: the others get 0.

    Example:
        >>> index_rule(torch.tensor([5.0]), index=0, size=3, axis=1)
        tensor([[5., 0., 0.]])
    """
    shape = [*relevance.shape]
    shape.insert(axis, size)
    result = relevance.new_zeros(shape)
    result.select(axis, index).copy_(relevance)
    return result


def norm_rule(relevance: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The relevance of what a layer norm took in: what came out keeps it, element by element.

    Chefer et al. pass it on so; their paper only speaks of non-linearities. A layer norm mixes
    channels by their mean, of which nothing is seen here.

    Example:
        >>> norm_rule(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    return relevance


def activation_rule(relevance: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The relevance of what went into a function of single elements: that of what came out (Eq. 3).

    So for a GELU and for a multiplication by a constant; the softmax is treated alike.

    Example:
        >>> activation_rule(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    return relevance
