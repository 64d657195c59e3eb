"""The relevance of frames alone, from features that are there already: a hundred times as fast."""

import torch
import torch.nn.functional as F
from torch import Tensor

from painlab.errors import PainLabError
from painlab.explain.propagate import Both, trace_temporal
from painlab.explain.rivals import ATTENTION_METHODS
from painlab.framework import evaluating
from painlab.temporal.transformer import TemporalTransformer
from painlab.typing import Bool, Float, Int


def relevance_of_frames(
    model: TemporalTransformer,
    features: Float[Tensor, "b k d"],
    target: Int[Tensor, "b"],
    *,
    method: str = "chefer",
    mask: Bool[Tensor, "b k"] | None = None,
) -> Float[Tensor, "b k"]:
    """What `relevance` of the whole framework gives as ``.temporal``, by a method of attention.

    Args:
        model: `PainFramework.temporal`.
        features: of frames, as `PainFramework.encode` makes them.
        target: the class explained.
        method: one of those that look at attention; others look at pixels, which are not here.
        mask: True where the frame has a face.

    Raises:
        PainLabError: for another method.
    """
    if method not in ATTENTION_METHODS:
        raise PainLabError(
            f"method {method!r}: from features alone, choose one of {', '.join(ATTENTION_METHODS)}."
        )
    one_hot = F.one_hot(target, model.config.classes).to(features)
    start = Both(one_hot, one_hot)
    with torch.inference_mode(False), torch.enable_grad(), evaluating(model):
        found, _ = trace_temporal(
            model, features.clone(), ATTENTION_METHODS[method], start, mask=mask
        )
    return found if mask is None else found.masked_fill(~mask, 0.0)
