"""Fourier features: positions as sines and cosines of rising frequency (paper III-B.2)."""

import math

import torch
from einops import rearrange
from torch import Tensor

from painlab.errors import ShapeError
from painlab.typing import Float


def fourier_encode(
    positions: Float[Tensor, "..."], *, bands: int, max_frequency: float | int
) -> Float[Tensor, "... channels"]:
    r"""Encode positions in [-1, 1] as in the Perceiver (Jaegle et al. 2021, section 3.2).

    A position x becomes :math:`[\sin(f_1 \pi x), …, \cos(f_1 \pi x), …, x]` with ``bands``
    frequencies f spaced evenly from 1 to ``max_frequency / 2``. With as many as there are samples
    from -1 to 1 that is half a wave a sample, the fastest that samples so dense can show.

    Args:
        positions: any shape, values from -1 to 1.
        bands: number of frequencies; 0 gives the position alone.
        max_frequency: samples between -1 and 1 that the highest frequency must tell apart.

    Raises:
        ShapeError: for positions of whole numbers, which would round the frequencies.

    Returns:
        (... 2·bands + 1): sines, cosines, the position itself.

    Example:
        >>> fourier_encode(torch.linspace(-1, 1, 138), bands=6, max_frequency=138).shape
        torch.Size([138, 13])
    """
    if not positions.is_floating_point():
        raise ShapeError(f"fourier_encode takes floating-point positions, not {positions.dtype}.")
    frequencies = torch.linspace(
        1.0, max_frequency / 2, bands, device=positions.device, dtype=positions.dtype
    )
    positions = rearrange(positions, "... -> ... 1")
    angles = math.pi * positions * frequencies  # ... bands
    return torch.cat([angles.sin(), angles.cos(), positions], dim=-1)
