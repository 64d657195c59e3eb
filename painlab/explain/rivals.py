"""Other ways to explain the same answer, behind the same call: what the rules are held against.

Four look at attention, and differ from `propagate.CHEFER` in a formula. Two look at
pixels only. The last looks at nothing.
"""

from collections.abc import Callable

import torch
from einops import einsum, reduce
from torch import Tensor

from painlab.errors import PainLabError
from painlab.explain.propagate import CHEFER, Method, chefer_map, roll_out
from painlab.typing import Float


def mean_map(weights: Float[Tensor, "... heads q t"], *_) -> Float[Tensor, "... q t"]:
    """A layer's map: its weights, averaged over heads."""
    return reduce(weights, "... heads q t -> ... q t", "mean")


def gradient_map(
    weights: Float[Tensor, "... heads q t"], gradient: Float[Tensor, "... heads q t"], *_
) -> Float[Tensor, "... q t"]:
    r"""A layer's map: :math:`E_h[(\nabla A \odot A)^+]` (Chefer et al., ICCV 2021, Eq. 5)."""
    return reduce((gradient * weights).clamp(min=0), "... heads q t -> ... q t", "mean")


def centred_map(
    weights: Float[Tensor, "... heads q t"],
    gradient: Float[Tensor, "... heads q t"],
    relevance: Float[Tensor, "... heads q t"],
) -> Float[Tensor, "... q t"]:
    r"""A layer's map: Chefer's, with what is common to a query's gradients taken away.

    The weights of a query add up to 1: where one rises the others fall, and a gradient's mean over
    the keys, weighted with A, changes nothing. Yet it decides the sign of
    :math:`\nabla A`, so that a query may lose all its keys, or the very ones that it looks at.

    .. math:: E_h\left[\left((\nabla A - \textstyle\sum_t A_t \nabla A_t)
              \odot R^{(A)}\right)^+\right]

    painlab's own proposal, in no paper that we know of.
    """
    common = reduce(weights * gradient, "... heads q t -> ... heads q 1", "sum")
    return chefer_map(weights, gradient - common, relevance)


def last_layer(
    row: Float[Tensor, "... t"], maps: list[Float[Tensor, "... t t"]]
) -> Float[Tensor, "... t"]:
    """Through the last layer alone, as if its tokens still stood for what went in at the bottom."""
    return einsum(row, maps[-1], "... q, ... q t -> ... t")


def mean_roll_out(
    row: Float[Tensor, "... t"], maps: list[Float[Tensor, "... t t"]]
) -> Float[Tensor, "... t"]:
    """Through all layers, half by the skip connection (Abnar and Zuidema 2020, section 3)."""
    for layer in reversed(maps):
        row = (row + einsum(row, layer, "... q, ... q t -> ... t")) / 2
    return row


ATTENTION_METHODS = {
    "chefer": CHEFER,
    "chefer-centred": Method(centred_map, roll_out, CHEFER.needs),
    "gradient-attention": Method(gradient_map, roll_out, frozenset({"gradient"})),
    "rollout": Method(mean_map, mean_roll_out),
    "attention": Method(mean_map, last_layer),
}


def gradient_times_input(
    logits: Callable[[Tensor], Tensor], clips: Tensor, classes: Tensor, **_
) -> Tensor:
    """Each input value times the class logit's gradient by it; grey, which is 0, gets nothing."""
    x = clips.detach().clone().requires_grad_()
    logit = logits(x).gather(1, classes[:, None])
    (gradient,) = torch.autograd.grad(logit.sum(), x)
    return clips * gradient


def integrated_gradients(
    logits: Callable[[Tensor], Tensor],
    clips: Tensor,
    classes: Tensor,
    *,
    steps: int,
    **_,
) -> Tensor:
    """The same along the way from grey (Sundararajan et al. 2017), by captum.

    Captum's midpoints of ``steps`` equal parts, one at a time: memory is that of one pass.
    """
    try:
        from captum.attr import IntegratedGradients
    except ImportError as error:
        raise PainLabError(
            "integrated gradients are captum's: pip install 'painlab[explain]'."
        ) from error
    return IntegratedGradients(logits).attribute(
        clips,
        target=classes,
        n_steps=steps,
        internal_batch_size=len(clips),
        method="riemann_middle",
    )


PIXEL_METHODS = {
    "gradient-input": gradient_times_input,
    "integrated-gradients": integrated_gradients,
}


def random_map(shape: tuple[int, ...], *, like: Tensor, seed: int) -> Tensor:
    """Numbers from 0 to 1 that know nothing of model or clip, the same for a seed on any device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float32).to(like)
