"""Running a model so that what passes back through it is relevance and not gradients."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode, resolve_name

from painlab.errors import PainLabError
from painlab.explain.rules import (
    activation_rule,
    addition_rule,
    linear_rule,
    mean_rule,
    norm_rule,
    product_rule,
)

# What only takes, moves and repeats values. Back through it PyTorch's gradient is the rule itself:
# each value's relevance goes where the value came from (`concatenation_rule`, `index_rule`).
ROUTES = {
    torch.cat,
    torch.unsqueeze,
    Tensor.chunk,
    Tensor.expand,
    Tensor.masked_fill,
    Tensor.permute,
    Tensor.reshape,
    Tensor.__getitem__,
    F.pad,
}


class UnderRules(TorchFunctionMode):
    """Within ``with UnderRules() as way:`` a model leaves two trails: gradients, and relevance.

    It computes what it always does. ``torch.autograd.grad`` of what came out then gives gradients
    as always, and within ``with way.relevance():`` the relevance of whatever went in or lay on the
    way, attention weights included, given the relevance of what came out. The model is not touched:
    no hooks, no copies of its layers.

    Raises:
        PainLabError: where the model does what there is no rule for.
    """

    def __init__(self):
        super().__init__()
        self.by_rules = False

    @contextmanager
    def relevance(self) -> Iterator[None]:
        """For a while what passes back is relevance."""
        self.by_rules = True
        try:
            yield
        finally:
            self.by_rules = False

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Compute, and leave the operation's rule for the way back beside its gradient."""
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if function in RULES and any(isinstance(a, Tensor) and a.requires_grad for a in args):
            rule, operands = RULES[function](*args, **kwargs)
            return _Fork.apply(result, self, rule, *operands)
        if function not in ROUTES and isinstance(result, Tensor) and result.requires_grad:
            raise PainLabError(f"relevance has no rule for {resolve_name(function)}.")
        return result


class _Fork(torch.autograd.Function):
    """Forward: the result that is there already. Backward: its own gradient, or its rule."""

    @staticmethod
    def forward(ctx, result, way, rule, *operands):
        ctx.way, ctx.rule = way, rule
        ctx.save_for_backward(*operands)
        return result.view_as(result)

    @staticmethod
    def backward(ctx, back):
        if not ctx.way.by_rules:
            return (back, None, None, *(None for _ in ctx.saved_tensors))
        given = ctx.rule(*ctx.saved_tensors, back)
        return (None, None, None, *(given if isinstance(given, tuple) else (given,)))


# each function that a model calls: the rule with what it must know, and what it passes back to


def _linear(x, weight, bias=None):
    return lambda x, relevance: linear_rule(x, weight, relevance), (x,)


def _convolution(x, weight, bias, *how):
    def convolve(x, weight):
        return F.conv2d(x, weight, None, *how)

    return lambda x, relevance: linear_rule(x, weight, relevance, apply=convolve), (x,)


def _addition(u, v):
    return addition_rule, (u, v)


def _product(u, v):
    if not isinstance(v, Tensor):
        return _activation(u)
    return lambda u, v, relevance: product_rule(u, v, relevance, product=torch.mul), (u, v)


def _einsum(pattern, u, v):
    def product(u, v):
        return torch.einsum(pattern, u, v)

    return lambda u, v, relevance: product_rule(u, v, relevance, product=product), (u, v)


def _mean(x, dim):
    (axis,) = dim if isinstance(dim, list | tuple) else (dim,)
    return lambda x, relevance: mean_rule(x, relevance, axis=axis), (x,)


def _activation(x, *_, **__):
    return lambda x, relevance: activation_rule(relevance), (x,)


def _norm(x, *_, **__):
    return lambda x, relevance: norm_rule(relevance), (x,)


RULES = {
    F.linear: _linear,
    F.conv2d: _convolution,
    F.layer_norm: _norm,
    F.gelu: _activation,
    Tensor.softmax: _activation,
    Tensor.add: _addition,
    Tensor.mul: _product,
    Tensor.mean: _mean,
    torch.functional.einsum: _einsum,
}
