"""What an explanation consists of: how much of it falls on each frame, patch and sub-patch."""

from dataclasses import dataclass

import torch
from einops import rearrange, reduce
from torch import Tensor

from painlab.errors import ShapeError
from painlab.typing import Float, Int


@dataclass(frozen=True, eq=False, repr=False)
class Relevance:
    """Where a model found the grounds of its answer, in time and in space (paper IV-C, Fig. 4).

    One map says it three times: `fine` summed over the sub-patches of a patch is `spatial`, and
    `spatial` summed over the patches of a frame is `temporal`. Nothing is negative. Only
    proportions within a clip mean something: methods differ in scale, and so do clips. Frames
    without a face have zeros.

    Attributes:
        temporal: (b k), of the frames.
        spatial: (b k rows cols), of the patches of each frame: rows = cols = 14 for 224 pixels.
        fine: (b k 4·rows 4·cols), of their sub-patches.
        target: (b,), the class whose logit is explained.
        method: by which it was computed.

    Example:
        >>> import painlab as pl
        >>> model = pl.PainFramework(pl.FrameworkConfig.tiny())
        >>> found = pl.relevance(model, torch.zeros(1, 8, 3, 32, 32))
        >>> found.temporal.shape, found.spatial.shape, found.fine.shape
        (torch.Size([1, 8]), torch.Size([1, 8, 2, 2]), torch.Size([1, 8, 8, 8]))
    """

    temporal: Float[Tensor, "b k"]
    spatial: Float[Tensor, "b k rows cols"]
    fine: Float[Tensor, "b k height width"]
    target: Int[Tensor, "b"]
    method: str

    @classmethod
    def compose(
        cls,
        temporal: Float[Tensor, "b k"],
        patches: Float[Tensor, "b k n"],
        sub_patches: Float[Tensor, "b k n m"],
        *,
        target: Int[Tensor, "b"],
        method: str,
    ) -> "Relevance":
        """Each frame's relevance dealt out to its patches, and each patch's to its sub-patches.

        Args:
            temporal: (b k), of the frames.
            patches: (b k n), in proportion within a frame; all 0 tells nothing, and all get alike.
            sub_patches: (b k n m), likewise within a patch.
            target: (b,), the classes explained.
            method: the name of the method.
        """
        spatial = rearrange(temporal, "b k -> b k 1") * proportions(patches)  # b k n
        fine = rearrange(spatial, "b k n -> b k n 1") * proportions(sub_patches)  # b k n m
        rows, r1 = round(patches.shape[-1] ** 0.5), round(sub_patches.shape[-1] ** 0.5)
        return cls(
            temporal=temporal,
            spatial=rearrange(spatial, "b k (rows cols) -> b k rows cols", rows=rows),
            fine=rearrange(
                fine,
                "b k (rows cols) (r1 r2) -> b k (rows r1) (cols r2)",
                rows=rows,
                r1=r1,
            ),
            target=target,
            method=method,
        )

    @classmethod
    def of_sub_patches(
        cls,
        fine: Float[Tensor, "b k height width"],
        *,
        sub_patches: int,
        target: Int[Tensor, "b"],
        method: str,
    ) -> "Relevance":
        """Of a map of sub-patches, ``sub_patches`` of them along a patch's side, summed up."""
        r = sub_patches
        spatial = reduce(fine, "b k (rows r1) (cols r2) -> b k rows cols", "sum", r1=r, r2=r)
        temporal = reduce(spatial, "b k rows cols -> b k", "sum")
        return cls(temporal=temporal, spatial=spatial, fine=fine, target=target, method=method)

    def upsample(self, size: int) -> Float[Tensor, "b k height width"]:
        """`fine` at every pixel of square frames, each value repeated over its sub-patch.

        The sum of a frame stays: a value is shared among the pixels that it covers.

        Raises:
            ShapeError: for a size that is no multiple of the map's.
        """
        return upsampled(self.fine, size)

    def __repr__(self) -> str:
        b, k, rows, cols = self.spatial.shape
        return f"Relevance({self.method}: {b} clips of {k} frames, {rows}×{cols} patches each)"


def upsampled(maps: Float[Tensor, "..."], size: int) -> Float[Tensor, "..."]:
    """Maps (... rows cols) at every pixel of square pictures, each value shared among its pixels.

    Raises:
        ShapeError: for a size that is no multiple of the maps'.
    """
    side, rest = divmod(size, maps.shape[-1])
    if side < 1 or rest:
        raise ShapeError(f"size {size}: give a multiple of the map's {maps.shape[-1]}.")
    return maps.repeat_interleave(side, dim=-1).repeat_interleave(side, dim=-2) / side**2


def proportions(x: Float[Tensor, "..."], *, axes: int = 1) -> Float[Tensor, "..."]:
    """Divided by the sum over the last ``axes`` axes; where that is 0, everything gets alike.

    Example:
        >>> proportions(torch.tensor([[1.0, 3.0], [0.0, 0.0]]))
        tensor([[0.2500, 0.7500],
                [0.5000, 0.5000]])
    """
    last = tuple(range(-axes, 0))
    total = x.sum(dim=last, keepdim=True)
    even = 1 / x.shape[-axes:].numel()
    return torch.where(total > 0, x / total.where(total > 0, 1.0), even)
