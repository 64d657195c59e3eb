"""A map that stays when the model's weights are drawn anew says nothing about the model.

(Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018.)
"""

from copy import deepcopy

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from painlab.errors import PainLabError, ShapeError
from painlab.framework import PainFramework
from painlab.spatial.tnt import TNT
from painlab.temporal.transformer import TemporalTransformer
from painlab.typing import Float

Model = PainFramework | TNT | TemporalTransformer


def stages(model: Model) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The parts of a model from its answer down to its input: a name, and how its weights begin.

    Example:
        >>> from painlab.config import TNTConfig
        >>> config = TNTConfig(image_size=32, dim=24, inner_dim=8, depth=2, classes=2)
        >>> [name for name, _ in stages(TNT(config))]
        ['classifier', 'block 2', 'block 1', 'stem']
    """
    if isinstance(model, PainFramework):
        return (*_within(model.temporal, "temporal."), *_within(model.spatial, "spatial."))
    return tuple(_within(model, ""))


def _within(model: TNT | TemporalTransformer, prefix: str):
    top = (f"{prefix}classifier.", f"{prefix}norm.")
    name = "block" if isinstance(model, TNT) else "layer"
    layers = len(model.blocks if isinstance(model, TNT) else model.layers)
    title = prefix.replace(".", " ")
    yield f"{title}classifier", top
    for i in reversed(range(layers)):
        yield f"{title}{name} {i + 1}", (f"{prefix}{name}s.{i}.",)
    yield f"{title}{'stem' if isinstance(model, TNT) else 'cross-attention'}", (prefix,)


def randomised(model: Model, *, down_to: str | None = None, seed: int = 0) -> Model:
    """A copy whose weights are those it was born with, or would have been with another seed.

    Args:
        model: it is left as it is.
        down_to: a name of `stages`: it and all above it are drawn anew, the rest stays as learned
            (Adebayo et al.'s cascade). All of them if None.
        seed: of the drawing. Stages draw the same weights however far down it goes.

    Raises:
        PainLabError: where the model has no such stage.

    Returns:
        In evaluation mode, on the same device and of the same precision.
    """
    names = [name for name, _ in stages(model)]
    if down_to is not None and down_to not in names:
        raise PainLabError(f"down_to={down_to!r}: this model has {', '.join(names)}.")
    upper = stages(model)[: names.index(down_to) + 1] if down_to else (("all", ("",)),)
    prefixes = tuple(prefix for _, group in upper for prefix in group)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        born = type(model)(model.config).state_dict()
    copy = deepcopy(model).eval()
    with torch.no_grad():
        for name, tensor in copy.state_dict().items():
            if name.startswith(prefixes):
                tensor.copy_(born[name])
    return copy


def rank_correlation(
    a: Float[Tensor, "b ..."], b: Float[Tensor, "b ..."]
) -> Float[np.ndarray, "b"]:
    """Spearman's rank correlation of two maps of each clip; 1 is the same order.

    A map that is the same everywhere has no order, and agrees with nothing: 0.

    Raises:
        ShapeError: maps of different shapes.

    Example:
        >>> rank_correlation(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[0.0, 7.0, 9.0]]))
        array([1.])
    """
    from scipy.stats import spearmanr

    if a.shape != b.shape:
        raise ShapeError(
            f"maps of shapes {tuple(a.shape)} and {tuple(b.shape)} cannot be compared."
        )
    pairs = zip(*(rearrange(x, "b ... -> b (...)").cpu().numpy() for x in (a, b)), strict=True)
    return np.array(
        [0.0 if np.ptp(x) == 0 or np.ptp(y) == 0 else spearmanr(x, y).statistic for x, y in pairs]
    )
