"""Is relevance kept on its way down a TNT? What lies between blocks must add up to the start."""

import torch
import torch.nn.functional as F
from einops import reduce
from torch import Tensor

from painlab.explain.propagate import state_of
from painlab.explain.under_rules import UnderRules
from painlab.spatial.tnt import TNT
from painlab.typing import Float


def sums_between_blocks(
    model: TNT, images: Float[Tensor, "b c height width"], *, target: int
) -> Float[Tensor, "blocks b"]:
    """The relevance of both streams before each block, summed: 1 where nothing was lost on the way.

    Below the first block some goes to position encodings and the class token, and the rest to the
    pixels.

    Args:
        model: a TNT with classes, in evaluation mode; it is left as it was.
        images: (b 3 height width), of the model's precision.
        target: the class explained.
    """
    seen = []

    def fork(_, streams):
        # a block's own y and z: the y before has also gone into the last block's update of z
        seen.append(tuple(x.reshape(x.shape) for x in streams))
        return seen[-1]

    hooks = [block.register_forward_pre_hook(fork) for block in model.blocks]
    images = images.detach().clone().requires_grad_()
    try:
        with UnderRules() as way:
            logits, _ = torch.func.functional_call(
                model, state_of(model, images.dtype), (images,), {"return_attention": True}
            )
    finally:
        for hook in hooks:
            hook.remove()
    start = F.one_hot(torch.full((len(images),), target), logits.shape[1]).to(logits)
    streams = [x for both in seen for x in both]
    with way.relevance():
        found = torch.autograd.grad(logits, streams, start)
    sums = [reduce(x.double(), "b ... -> b", "sum") for x in found]
    return torch.stack([y + z for y, z in zip(sums[::2], sums[1::2], strict=True)])
