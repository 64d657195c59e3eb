"""From a class logit back to frames, patches and sub-patches, through attention (paper IV-C).

Chefer, Gur and Wolf (CVPR 2021) explain one flat transformer. Their equation for the map of a layer
serves here for all four kinds of attention that the framework has: among latents, from latents to
frames, among the patches of a frame, and among the sub-patches of a patch. How the weights of a
layer become its map is a `Method`; the other methods that look at attention differ in nothing else.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import einsum, rearrange, reduce
from torch import Tensor, nn
from torch.func import functional_call

from painlab.explain.under_rules import UnderRules
from painlab.framework import PainFramework
from painlab.spatial.tnt import TNT
from painlab.temporal.transformer import TemporalTransformer
from painlab.typing import Bool, Float, Int


@dataclass(frozen=True)
class Method:
    """How attention weights become the map of a layer, and how the maps of layers are joined.

    Attributes:
        to_map: from the weights (... heads q t), their gradient and their relevance, to the
            layer's map (... q t), nowhere negative. What `needs` does not name is None.
        join: ``join(row, maps)`` carries weights of tokens (... t) at the end of a transformer to
            its beginning, through the maps of its layers, first layer first.
        needs: which of "gradient" and "relevance" must be computed.
    """

    to_map: Callable[[Tensor, Tensor | None, Tensor | None], Tensor]
    join: Callable[[Tensor, list[Tensor]], Tensor]
    needs: frozenset[str] = frozenset()


def chefer_map(
    weights: Float[Tensor, "... heads q t"],
    gradient: Float[Tensor, "... heads q t"],
    relevance: Float[Tensor, "... heads q t"],
) -> Float[Tensor, "... q t"]:
    r"""A layer's map: :math:`E_h\left[(\nabla A \odot R^{(A)})^+\right]` (Chefer et al., Eq. 13).

    The identity of that equation, for what the skip connection carries past, is added in `join`.
    """
    return reduce((gradient * relevance).clamp(min=0), "... heads q t -> ... q t", "mean")


def roll_out(
    row: Float[Tensor, "... t"], maps: list[Float[Tensor, "... t t"]]
) -> Float[Tensor, "... t"]:
    r"""Through all layers, each the identity and its map: :math:`r \prod_b (I + M_b)` (Eq. 14)."""
    for layer in reversed(maps):
        row = row + einsum(row, layer, "... q, ... q t -> ... t")
    return row


CHEFER = Method(chefer_map, roll_out, frozenset({"gradient", "relevance"}))


class Both(NamedTuple):
    """What is sent back into a model, or has come back out of it: gradient and relevance.

    Either is None where a method has no use for it.
    """

    gradient: Tensor | None
    relevance: Tensor | None

    def at(self, places: Tensor) -> "Both":
        """Of some of the samples."""
        return Both(*(x if x is None else x[places] for x in self))


class Pulled(NamedTuple):
    """What came back through a model: at its attention weights, its input, the places watched."""

    weights: list[Tensor]
    at_weights: list[Both]
    at_input: Both
    at_watched: list[Both]


def pull_back(
    model: nn.Module,
    x: Tensor,
    start: Both,
    *,
    needs: frozenset[str] = frozenset({"gradient", "relevance"}),
    watched: tuple[nn.Module, ...] = (),
    **how,
) -> Pulled:
    """Run a model once, and send gradients and relevance back through it, as far as needed.

    Args:
        model: a `TNT` or a `TemporalTransformer`; it is left as it was.
        x: its input.
        start: what is sent back, of the shape of what comes out.
        needs: "gradient", "relevance", both or neither.
        watched: parts of the model at whose inputs what passes is wanted too.
        how: further arguments of the model.
    """
    x = x.detach().clone().requires_grad_(bool(needs))
    with _inputs_of(watched) as inputs, UnderRules() as way:
        output, maps = functional_call(
            model, state_of(model, x.dtype), (x,), {**how, "return_attention": True}
        )
    weights = [weights for part in maps for weights in _flat(part)]
    wanted = [*weights, x, *inputs]
    gradients = relevances = [None] * len(wanted)
    if "gradient" in needs:
        gradients = torch.autograd.grad(output, wanted, start.gradient, retain_graph=True)
    if "relevance" in needs:
        with way.relevance():
            relevances = torch.autograd.grad(output, wanted, start.relevance)
    back = [Both(*pair) for pair in zip(gradients, relevances, strict=True)]
    parts = len(weights)
    return Pulled([w.detach() for w in weights], back[:parts], back[parts], back[parts + 1 :])


def _flat(part) -> tuple[Tensor, ...]:
    return (part,) if isinstance(part, Tensor) else part


def state_of(model: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """Its parameters as plain numbers of the input's type, so that no gradient is kept for them."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return {name: t.detach().to(dtype) if t.is_floating_point() else t for name, t in tensors}


@contextmanager
def _inputs_of(modules: tuple[nn.Module, ...]) -> Iterator[list[Tensor]]:
    """What each module takes in: as it takes it, apart from whatever else becomes of it."""
    inputs: list[Tensor] = []

    def fork(_, given):
        # a tensor of its own: what goes back to the given one comes from all who have used it
        inputs.append(given[0].reshape(given[0].shape))
        return inputs[-1]

    with ExitStack() as hooks:
        for module in modules:
            hooks.callback(module.register_forward_pre_hook(fork).remove)
        yield inputs


def _maps(pulled: Pulled, method: Method) -> list[Tensor]:
    """The maps of all layers."""
    layers = zip(pulled.weights, pulled.at_weights, strict=True)
    return [method.to_map(weights, *back) for weights, back in layers]


def trace_tnt(
    model: TNT, images: Float[Tensor, "b c height width"], method: Method, start: Both
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n m"]]:
    """How much each patch, and within each patch each sub-patch, had to do with an image's output.

    The class token's row of the outer layers, joined, tells of the patches. A patch hears of its
    sub-patches where their result is added to it, in each block: the positive relevance that
    arrives there (without relevances: the same for all) is carried to the sub-patches of the image
    through the inner layers below, and the blocks are added up.
    """
    projections = tuple(block.to_patch for block in model.blocks)
    pulled = pull_back(model, images, start, needs=method.needs, watched=projections)
    maps, depth = _maps(pulled, method), len(model.blocks)
    outer, inner = maps[:depth], maps[depth:]

    row = torch.zeros_like(outer[0][:, 0])  # b t
    row[:, 0] = 1
    patches = method.join(row, outer)[:, 1:]  # b n

    sub_patches = torch.zeros_like(inner[0][:, :, 0])  # b n m
    if "relevance" not in method.needs:
        return patches, method.join(torch.ones_like(sub_patches), inner)
    for block, (_, relevance) in enumerate(pulled.at_watched):
        arrived = reduce(relevance, "b n m e -> b n m", "sum")
        sub_patches += method.join(arrived.clamp(min=0), inner[: block + 1])
    return patches, sub_patches


def trace_temporal(
    model: TemporalTransformer,
    features: Float[Tensor, "b k d"],
    method: Method,
    start: Both,
    *,
    mask: Bool[Tensor, "b k"] | None,
) -> tuple[Float[Tensor, "b k"], Both]:
    """How much each frame had to do with a clip's output, and what has come back to its feature.

    The mean over latents at the end gives each latent the same weight; joined through the layers
    among the latents it is handed to the frames by the cross-attention. The latents hold nothing of
    the clip before it, so there no identity is added.
    """
    pulled = pull_back(model, features, start, needs=method.needs, mask=mask)
    cross, *own = _maps(pulled, method)
    row = torch.full_like(cross[..., 0], 1 / cross.shape[-2])  # b l
    row = method.join(row, own)
    tokens = einsum(row, cross, "b l, b l t -> b t")
    frames = rearrange(tokens, "b (k d) -> b k d", k=features.shape[1])
    return reduce(frames, "b k d -> b k", "sum"), pulled.at_input


def trace_frames(
    model: TNT,
    frames: Float[Tensor, "i c height width"],
    method: Method,
    start: Both,
    *,
    frames_at_once: int,
    progress: bool,
) -> tuple[Float[Tensor, "i n"], Float[Tensor, "i n m"]]:
    """`trace_tnt` of many frames, so many at a time, with a bar if wanted."""
    from tqdm import tqdm

    n, m = model.config.patches, model.config.sub_patches
    patches, sub_patches = frames.new_zeros(len(frames), n), frames.new_zeros(len(frames), n, m)
    with tqdm(total=len(frames), unit="frame", disable=not progress, dynamic_ncols=True) as bar:
        for part in torch.arange(len(frames)).split(frames_at_once):
            found = trace_tnt(model, frames[part], method, start.at(part))
            patches[part], sub_patches[part] = found
            bar.update(len(part))
    return patches, sub_patches


def explain_images(
    model: TNT,
    images: Float[Tensor, "b c height width"],
    method: Method,
    target: Callable[[Tensor], Int[Tensor, "b"]],
    *,
    frames_at_once: int,
    progress: bool = False,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As `explain_clips`, of a TNT with classes: an image is a clip of one frame, which has all."""
    logits = _forward(model, images, frames_at_once)
    classes = target(logits)
    one_hot = F.one_hot(classes, logits.shape[-1]).to(logits)
    patches, sub_patches = trace_frames(
        model,
        images,
        method,
        Both(one_hot, one_hot),
        frames_at_once=frames_at_once,
        progress=progress,
    )
    temporal = images.new_ones(len(images), 1)
    return temporal, patches.unsqueeze(1), sub_patches.unsqueeze(1), classes


def explain_clips(
    model: PainFramework,
    clips: Float[Tensor, "b k c height width"],
    method: Method,
    target: Callable[[Tensor], Int[Tensor, "b"]],
    *,
    mask: Bool[Tensor, "b k"],
    frames_at_once: int,
    progress: bool = False,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Relevance of frames (b k), patches (b k n) and sub-patches (b k n m), and the targets (b,).

    Frames without a face are not looked at: their relevance is 0.
    """
    seen = clips[mask]  # i c height width
    features = clips.new_zeros(*mask.shape, model.config.spatial.dim)  # b k d
    features[mask] = _forward(model.spatial, seen, frames_at_once)
    logits = _forward(model.temporal, features, len(features), mask=mask)
    classes = target(logits)
    one_hot = F.one_hot(classes, logits.shape[-1]).to(logits)
    temporal, back = trace_temporal(
        model.temporal, features, method, Both(one_hot, one_hot), mask=mask
    )
    n, m = model.config.spatial.patches, model.config.spatial.sub_patches
    patches, sub_patches = clips.new_zeros(*mask.shape, n), clips.new_zeros(*mask.shape, n, m)
    patches[mask], sub_patches[mask] = trace_frames(
        model.spatial,
        seen,
        method,
        back.at(mask),
        frames_at_once=frames_at_once,
        progress=progress,
    )
    return temporal.masked_fill(~mask, 0.0), patches, sub_patches, classes


@torch.no_grad()
def _forward(model: nn.Module, x: Tensor, at_once: int, **how) -> Tensor:
    """What comes out of a model, so many at a time."""
    state = state_of(model, x.dtype)
    parts = [functional_call(model, state, (part,), how) for part in x.split(at_once)]
    return torch.cat(parts)
