"""Does a map tell the truth about the model? Its answer must rest on what the map names.

Whether the map tells the truth about the picture is graded in `painlab.explain.against_truth`.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from painlab.errors import PainLabError, ShapeError
from painlab.framework import PainFramework, evaluating
from painlab.spatial.tnt import TNT
from painlab.typing import Bool, Float, Int

FILLS = ("blur", "grey")
MEASURES = ("probability", "logit")


@dataclass(frozen=True, eq=False)
class Curve:
    """What a model says while more and more patches are taken away, or shown.

    Attributes:
        shares: (i,), of the patches, from 0 to 1.
        values: (b i), of each clip at each share.
    """

    shares: Float[Tensor, "i"]
    values: Float[Tensor, "b i"]

    @property
    def area(self) -> Float[Tensor, "b"]:
        """The area under each clip's curve, by trapezoids: its mean height."""
        return torch.trapezoid(self.values, self.shares, dim=1)


@torch.no_grad()
def removal_curve(
    model: PainFramework | TNT,
    clips: Float[Tensor, "..."],
    spatial: Float[Tensor, "b k rows cols"],
    target: Int[Tensor, "..."],
    *,
    insertion: bool = False,
    fill: str | Tensor = "blur",
    measure: str = "probability",
    mask: Bool[Tensor, "..."] | None = None,
    steps: int = 14,
    at_once: int = 16,
    seed: int = 0,
) -> Curve:
    """Take patches away, the most relevant first, and ask the model each time (deletion).

    A map that tells the truth makes the curve fall early: a small area is good. With ``insertion``
    the patches are put into a clip of which nothing else is seen, and a large area is good. The
    patches of all frames of a clip are ranked together; among equals chance decides, not place.
    (Samek et al., IEEE TNNLS 2017, for patches; Petsiuk, Das and Saenko, BMVC 2018, for areas.)

    The probability is followed unless asked otherwise. It lies between 0 and 1, so that areas of
    different clips can be averaged, and it counts for a class only what does not count for the
    others as much.

    What a patch is replaced by decides what its removal means. "blur" leaves colours and light
    where they were and takes away all that is finer than a patch; "grey" (0, the middle of the
    range) draws edges that no face has, to which a model may answer as well. SynthPain offers a
    third: the same picture, had there been no pain (`aligned_truth`).

    Args:
        model: a `PainFramework`, or a `TNT` with classes.
        clips: as for `painlab.relevance`.
        spatial: `Relevance.spatial`, or any other numbers for patches.
        target: (b,), the class of each clip whose probability is followed.
        insertion: show patches instead of taking them away.
        fill: "blur", "grey", or pictures of the shape of ``clips``.
        measure: "probability" or "logit".
        mask: (b k), True where the frame has a face; other frames have no patches to take.
        steps: in so many equal parts.
        at_once: clips, each with some patches gone, that the model sees together.
        seed: of the order among equals.

    Raises:
        ShapeError: where clips, maps, targets and mask do not belong together.
        PainLabError: for another fill or measure, or numbers that are not finite.
    """
    images = isinstance(model, TNT)
    frames = clips.unsqueeze(1) if images else clips  # b k c height width
    b, k = _check(frames, spatial, target, mask, measure)
    mask = torch.ones(b, k, dtype=torch.bool) if mask is None else mask
    ranks, counts = patch_ranks(spatial, mask.to(spatial.device), seed=seed)
    patch = frames.shape[-1] // spatial.shape[-1]
    instead = _instead(frames, clips.shape, fill, patch=patch)
    shares = torch.linspace(0, 1, steps + 1)
    limits = (shares * counts[:, None].cpu()).round().to(ranks.device)  # b i

    place = next(model.parameters())
    values = []
    with evaluating(model):
        for part in torch.arange(b * (steps + 1)).split(at_once):
            of, step = part // (steps + 1), part % (steps + 1)
            gone = ranks[of] < rearrange(limits[of, step], "b -> b 1 1 1")
            gone = gone.repeat_interleave(patch, dim=-1).repeat_interleave(patch, dim=-2)
            gone = rearrange(gone, "b k height width -> b k 1 height width").to(frames.device)
            seen = torch.where(gone != insertion, instead[of], frames[of]).to(place)
            logits = (
                model(seen[:, 0]) if images else model(seen, mask=mask[of].to(place.device))
            ).float()  # b y
            said = logits.softmax(1) if measure == "probability" else logits
            values.append(said.cpu()[torch.arange(len(of)), target.cpu()[of]])
    values = rearrange(torch.cat(values), "(b i) -> b i", b=b)
    return Curve(shares=shares, values=values)


def patch_ranks(
    spatial: Float[Tensor, "b k rows cols"], mask: Bool[Tensor, "b k"], *, seed: int = 0
) -> tuple[Int[Tensor, "b k rows cols"], Int[Tensor, "b"]]:
    """The place of each patch in its clip, the most relevant first, and how many a clip has.

    Patches of frames without a face come last and do not count. Among equals a random order holds
    that is the same for all clips.

    Example:
        >>> ranks, count = patch_ranks(torch.tensor([[[[0.1, 0.4], [0.3, 0.2]]]]), mask=torch.ones(
        ...     1, 1, dtype=torch.bool))
        >>> ranks.tolist(), count.tolist()
        ([[[[3, 0], [1, 2]]]], [4])
    """
    _, k, rows, _ = spatial.shape
    hidden = ~rearrange(mask, "b k -> b k 1 1")
    scores = rearrange(spatial.masked_fill(hidden, -torch.inf), "b k rows cols -> b (k rows cols)")
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(scores.shape[1], generator=generator).to(scores.device)
    order = shuffled[scores[:, shuffled].argsort(dim=1, descending=True, stable=True)]
    places = torch.arange(scores.shape[1], device=scores.device)
    ranks = torch.empty_like(order).scatter_(1, order, places.expand_as(order))
    ranks = rearrange(ranks, "b (k rows cols) -> b k rows cols", k=k, rows=rows)
    return ranks, mask.sum(1) * spatial[0, 0].numel()


def _instead(frames: Tensor, shape, fill: str | Tensor, *, patch: int) -> Tensor:
    """What patches are replaced by (b k c height width)."""
    if isinstance(fill, Tensor):
        if fill.shape != shape:
            raise ShapeError(
                f"the pictures to fill in must have the clips' shape {tuple(shape)}, "
                f"not {tuple(fill.shape)}."
            )
        return fill.reshape(frames.shape).to(frames)
    if fill == "grey":
        return torch.zeros_like(frames)
    if fill != "blur":
        raise PainLabError(f"fill={fill!r}: choose one of {', '.join(FILLS)}, or give pictures.")
    pictures = rearrange(frames, "b k c height width -> (b k) c height width")
    coarse = F.avg_pool2d(pictures, patch)  # one pixel a patch
    pictures = F.interpolate(coarse, size=frames.shape[-2:], mode="bilinear")
    return pictures.reshape(frames.shape)


def _check(frames, spatial, target, mask, measure) -> tuple[int, int]:
    if measure not in MEASURES:
        raise PainLabError(f"measure={measure!r}: choose one of {', '.join(MEASURES)}.")
    b, k = spatial.shape[:2]
    sides = frames.shape[-1] % spatial.shape[-1] or frames.shape[-2] % spatial.shape[-2]
    if frames.ndim != 5 or frames.shape[:2] != (b, k) or sides or target.shape != (b,):
        raise ShapeError(
            f"maps of shape {tuple(spatial.shape)} and {tuple(target.shape)} targets do not belong "
            f"to {frames.shape[0]} clips of shape {tuple(frames.shape[1:])}."
        )
    if mask is not None and mask.shape != (b, k):
        raise ShapeError(f"the mask must be of shape {(b, k)}, not {tuple(mask.shape)}.")
    if not spatial.isfinite().all():
        raise PainLabError("a map to be ranked holds numbers that are not finite.")
    return b, k
