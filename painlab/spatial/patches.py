"""Cutting an image into patches and patches into sub-patches (paper III-B.1, Eq. 1)."""

from math import isqrt

from einops import rearrange
from torch import Tensor

from painlab.errors import ShapeError
from painlab.typing import Float


def split_patches(
    images: Float[Tensor, "b c height width"], *, patch: int = 16, sub_patch: int = 4
) -> Float[Tensor, "b n m s1 s2 c"]:
    """Cut images into n patches of m sub-patches each, row by row (Eq. 1).

    Args:
        images: (b c height width), any values.
        patch: side of a patch in pixels, the paper's p; must divide height and width.
        sub_patch: side of a sub-patch in pixels, the paper's s; must divide ``patch``.

    Returns:
        (b n m s1 s2 c) with n = height/p · width/p and m = (p/s)².

    Raises:
        ShapeError: where a size does not divide.

    Example:
        >>> import torch
        >>> split_patches(torch.zeros(1, 3, 224, 224)).shape
        torch.Size([1, 196, 16, 4, 4, 3])
    """
    if images.ndim != 4:
        raise ShapeError(f"images have the shape (b, c, height, width), not {tuple(images.shape)}.")
    if patch < 1 or sub_patch < 1:
        raise ShapeError(f"patches have sides of 1 pixel or more, not {patch} and {sub_patch}.")
    height, width = images.shape[-2:]
    if height % patch or width % patch:
        raise ShapeError(
            f"images of {height}×{width} pixels do not divide into {patch}×{patch} patches."
        )
    if patch % sub_patch:
        raise ShapeError(
            f"patches of {patch} pixels do not divide into sub-patches of {sub_patch}."
        )
    return rearrange(
        images,
        "b c (rows r1 s1) (cols r2 s2) -> b (rows cols) (r1 r2) s1 s2 c",
        r1=patch // sub_patch,
        r2=patch // sub_patch,
        s1=sub_patch,
        s2=sub_patch,
    )


def join_patches(
    patches: Float[Tensor, "b n m s1 s2 c"], *, height: int, width: int
) -> Float[Tensor, "b c height width"]:
    """Put patches together again: the exact inverse of `split_patches` (paper III-B.1).

    Args:
        patches: (b n m s1 s2 c) as `split_patches` gives them.
        height: of the images, in pixels.
        width: of the images, in pixels.

    Returns:
        (b c height width), the images.

    Raises:
        ShapeError: where so many patches of that size do not make such an image.

    Example:
        >>> import torch
        >>> images = torch.rand(1, 3, 32, 48)
        >>> patches = split_patches(images, patch=16, sub_patch=4)
        >>> torch.equal(join_patches(patches, height=32, width=48), images)
        True
    """
    _, n, m, s, _, _ = patches.shape
    r = isqrt(m)
    p = r * s
    if r * r != m or height % p or width % p or n != (height // p) * (width // p):
        raise ShapeError(
            f"{n} patches of {m} sub-patches of side {s} do not make an image of {height}×{width}."
        )
    return rearrange(
        patches,
        "b (rows cols) (r1 r2) s1 s2 c -> b c (rows r1 s1) (cols r2 s2)",
        rows=height // p,
        r1=r,
    )
