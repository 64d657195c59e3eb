"""Is relevance kept on its way down, and where does it leave the way to the pixels?"""

import torch
import torch.nn.functional as F
from einops import reduce
from torch import Tensor, nn

from painlab.explain.propagate import state_of
from painlab.explain.under_rules import UnderRules
from painlab.framework import evaluating
from painlab.spatial.tnt import TNT
from painlab.temporal.transformer import TemporalTransformer
from painlab.typing import Float


def sums_between_blocks(
    model: TNT, images: Float[Tensor, "b c height width"], *, target: int
) -> Float[Tensor, "blocks b"]:
    """The relevance of both streams before each block, summed: 1 where nothing was lost on the way.

    What becomes of it below the first block is told by `shares_below_blocks`.

    Args:
        model: a TNT with classes, in evaluation mode; it is left as it was.
        images: (b 3 height width), of the model's precision.
        target: the class explained.
    """
    seen = []

    def fork(_, streams):
        # a block's own y and z: the y before has also gone into the last block's update of z
        seen.append(tuple(_branch(x) for x in streams))
        return seen[-1]

    hooks = [block.register_forward_pre_hook(fork) for block in model.blocks]
    logits, way = _run(model, images.detach().clone().requires_grad_(), hooks)
    sums = [_total(x) for x in _back(way, logits, [x for both in seen for x in both], target)]
    return torch.stack([y + z for y, z in zip(sums[::2], sums[1::2], strict=True)])


def shares_below_blocks(
    model: TNT, images: Float[Tensor, "b c height width"], *, target: int
) -> dict[str, Float[Tensor, "b"]]:
    """What the pixels get of all relevance, and what the parameters get that are added to them.

    A learned class token and learned positions are summands as the pixels' embeddings are, and the
    rule for sums gives them their part.

    Args:
        model: a TNT with classes; it is left as it was.
        images: (b 3 height width), of the model's precision.
        target: the class explained.

    Returns:
        The shares of ``pixels``, ``class token`` (with its own position), ``positions of patches``
        and ``positions of sub-patches``: together what arrives before the first block.
    """
    seen = {}

    def keep(name):
        def fork(_, __, found):
            seen[name] = _branch(found)
            return seen[name]

        return fork

    def enter(_, streams):
        seen["y"], seen["z"] = (_branch(x) for x in streams)
        return seen["y"], seen["z"]

    hooks = [
        model.stem.register_forward_hook(keep("pixels")),
        model.to_patch.register_forward_hook(keep("patches")),
        model.blocks[0].register_forward_pre_hook(enter),
    ]
    with evaluating(model):
        logits, way = _run(model, images.detach().clone().requires_grad_(), hooks)
    names = ("pixels", "patches", "y", "z")
    back = _back(way, logits, [seen[name] for name in names], target)
    pixels, patches, y = (_total(x) for x in back[:3])
    return {
        "pixels": pixels,
        "class token": _total(back[3][:, :1]),
        "positions of patches": _total(back[3][:, 1:]) - patches,
        "positions of sub-patches": y + patches - pixels,
    }


def shares_below_latents(
    model: TemporalTransformer, features: Float[Tensor, "b k d"], *, target: int
) -> dict[str, Float[Tensor, "b"]]:
    """What the frames' features get of all relevance, and what stays on what was learned or given.

    Args:
        model: `PainFramework.temporal`; it is left as it was.
        features: of frames, as `PainFramework.encode` makes them.
        target: the class explained.

    Returns:
        The shares of ``features``, ``positions`` (the Fourier channels beside them) and
        ``latents``, which are learned and the same for every clip.
    """
    seen = []

    def enter(_, given):
        seen[:] = latents, _branch(given[1])
        return tuple(seen)

    features = features.detach().clone().requires_grad_()
    latents = model.latents.detach().to(features).expand(len(features), -1, -1)  # b l dl
    latents = latents.clone().requires_grad_()
    hooks = [model.cross.register_forward_pre_hook(enter)]
    with evaluating(model):
        logits, way = _run(model, features, hooks)
    on_latents, tokens, own = (_total(x) for x in _back(way, logits, [*seen, features], target))
    return {"features": own, "positions": tokens - own, "latents": on_latents}


def _branch(x: Tensor) -> Tensor:
    return x.reshape(x.shape)


def _run(model: nn.Module, x: Tensor, hooks: list) -> tuple[Tensor, UnderRules]:
    try:
        with torch.enable_grad(), UnderRules() as way:
            logits, _ = torch.func.functional_call(
                model, state_of(model, x.dtype), (x,), {"return_attention": True}
            )
    finally:
        for hook in hooks:
            hook.remove()
    return logits, way


def _back(way: UnderRules, logits: Tensor, places: list[Tensor], target: int) -> tuple[Tensor, ...]:
    start = F.one_hot(torch.full((len(logits),), target), logits.shape[1]).to(logits)
    with way.relevance():
        return torch.autograd.grad(logits, places, start)


def _total(x: Float[Tensor, "b ..."]) -> Float[Tensor, "b"]:
    return reduce(x.double(), "b ... -> b", "sum")
