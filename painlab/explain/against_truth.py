"""Does a map point at the pain? Against what is known: which pixels pain moved, and when."""

import numpy as np
import torch
from einops import reduce
from torch import Tensor

from painlab.errors import PainLabError
from painlab.typing import Bool, Float

TOLERANCE = 15  # pixels, of the pointing game


def moved_share(
    values: Float[Tensor, "... height width"], moved: Bool[Tensor, "... height width"]
) -> Float[Tensor, "..."]:
    """The share of a picture's relevance that falls on pixels which pain moved.

    By chance it is the share of those pixels in the picture (``moved.float().mean()``). A map of
    nothing but zeros names no pixel, and gets what chance does. (Relevance mass accuracy: Arras,
    Osman and Samek, Information Fusion 81, 2022.)

    Args:
        values: of pixels, as `Relevance.upsample` gives them; none negative.
        moved: the truth, as of `aligned_truth`.

    Example:
        >>> moved = torch.tensor([[True, False], [False, False]])
        >>> moved_share(torch.tensor([[3.0, 1.0], [0.0, 0.0]]), moved)
        tensor(0.7500)
    """
    total = reduce(values, "... height width -> ...", "sum")
    inside = reduce(values * moved, "... height width -> ...", "sum")
    chance = reduce(moved.to(values), "... height width -> ...", "mean")
    return torch.where(total > 0, inside / total.where(total > 0, 1), chance)


def pointing_game(
    values: Float[Tensor, "... height width"],
    moved: Bool[Tensor, "... height width"],
    *,
    tolerance: int = 0,
) -> Float[Tensor, "..."]:
    """1 where a map's greatest value falls on a pixel that pain moved, else 0.

    Where it is reached at several pixels, the share of them that moved: the chance to hit by
    pointing at one of them. (Zhang et al., Top-down neural attention by excitation backprop, IJCV
    126, 2018, where the object may be `TOLERANCE` pixels away.)

    Args:
        values: of pixels.
        moved: the truth. By chance the share of these (`widened` by the tolerance) is hit.
        tolerance: pixels by which the greatest value may lie beside.
    """
    greatest = values == reduce(values, "... height width -> ... 1 1", "max")
    hit = greatest & widened(moved, tolerance)
    return hit.sum((-2, -1)).float() / greatest.sum((-2, -1))


def widened(moved: Bool[Tensor, "... height width"], pixels: int) -> Bool[Tensor, "..."]:
    """All pixels that are at most so far from one that moved; none where none did."""
    if not pixels:
        return moved
    from scipy.ndimage import distance_transform_edt

    flat = moved.reshape(-1, *moved.shape[-2:]).cpu().numpy()
    near = [distance_transform_edt(~one) <= pixels if one.any() else one for one in flat]
    return torch.from_numpy(np.stack(near)).reshape(moved.shape).to(moved.device)


def temporal_share(
    temporal: Float[Tensor, "b k"],
    intensity: Float[Tensor, "b k"],
    *,
    mask: Bool[Tensor, "b k"] | None = None,
) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"]]:
    """The share of relevance on frames above half of the clip's greatest intensity; their share.

    By chance the first is the second.

    Args:
        temporal: `Relevance.temporal`.
        intensity: the true one, in each frame.
        mask: True where the frame has a face; others are left out.

    Raises:
        PainLabError: a clip without pain, in which no frame is above anything.
    """
    mask = torch.ones_like(temporal, dtype=torch.bool) if mask is None else mask
    peak = intensity.where(mask, 0).amax(1, keepdim=True)
    if (peak <= 0).any():
        raise PainLabError(
            f"clip {int((peak <= 0).flatten().nonzero()[0])} has no frame with pain: leave it out."
        )
    strong = (intensity > peak / 2) & mask
    even = mask.float()
    relevance = (temporal * even).double()
    total = relevance.sum(1, keepdim=True)
    relevance = torch.where(total > 0, relevance, even.double())
    share = (relevance * strong).sum(1) / relevance.sum(1)
    return share.to(temporal), strong.sum(1) / even.sum(1)
