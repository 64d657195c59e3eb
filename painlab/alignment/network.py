"""A small network that places the 68 landmarks in a picture of a face.

It learns on rendered heads, whose landmarks are exact (`painlab.training.landmarks`). For every
landmark it draws a map of where the point might be; the point is the map's mean place, so that it
can lie between pixels.
"""

from itertools import pairwise

import torch
from einops import einsum, rearrange
from torch import Tensor, nn

from painlab.config import LandmarkNetConfig
from painlab.typing import Float


class Residual(nn.Module):
    """Two 3×3 convolutions beside a shortcut, the first with the stride."""

    def __init__(self, c_in: int, c_out: int, *, stride: int = 1):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.SiLU(inplace=True),
            nn.Conv2d(c_out, c_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
        )
        self.shortcut = nn.Identity()
        if stride > 1 or c_in != c_out:
            pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Float[Tensor, "b c height width"]) -> Float[Tensor, "b d rows cols"]:
        """(b c height width) to (b d height/stride width/stride)."""
        return nn.functional.silu(self.shortcut(x) + self.convolutions(x))


class LandmarkNet(nn.Module):
    """Pictures of faces to landmarks in three dimensions.

    Args:
        config: sizes.
    """

    def __init__(self, config: LandmarkNetConfig | None = None):
        super().__init__()
        self.config = config = config or LandmarkNetConfig()
        first, *rest = config.channels
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.SiLU(inplace=True),
        )
        widths = [first, *rest]
        self.down = nn.ModuleList(
            nn.Sequential(Residual(i, o, stride=2), Residual(o, o)) for i, o in pairwise(widths)
        )
        d = config.map_channels
        self.lateral = nn.ModuleList(nn.Conv2d(c, d, 1) for c in rest)
        self.merge = nn.ModuleList(Residual(d, d) for _ in rest[:-1])
        self.to_maps = nn.Conv2d(d, 2 * config.landmarks, 1)

    def forward(
        self, images: Float[Tensor, "b c height width"], *, return_spread: bool = False
    ) -> Float[Tensor, "b j xyz"] | tuple[Float[Tensor, "b j xyz"], Float[Tensor, "b j"]]:
        """Pictures in 0..1 to x, y (pixel indices) and z (pixels, 0 at the eyes' middle).

        With ``return_spread`` also the width of each map: the root mean square distance of its
        weights from their mean, in pixels.
        """
        x = self.stem(images - 0.5)  # b c height/2 width/2
        scales = []
        for block in self.down:
            x = block(x)
            scales.append(x)
        x = self.lateral[-1](scales[-1])
        for scale, lateral, merge in zip(
            scales[-2::-1], list(self.lateral)[-2::-1], self.merge, strict=True
        ):
            x = nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = merge(x + lateral(scale))  # b d rows cols
        place, depth = self.to_maps(x).chunk(2, dim=1)  # each b j rows cols
        points = self._read(place, depth)
        return (points, self._spread(place, points)) if return_spread else points

    def _spread(
        self, place: Float[Tensor, "b j rows cols"], points: Float[Tensor, "b j xyz"]
    ) -> Float[Tensor, "b j"]:
        """How far a map's weights lie from their mean, in pixels."""
        share, across, down = self._shares(place)
        x, y, _ = rearrange(points, "b j xyz -> xyz b j 1")
        squares = einsum(share, (across - x).square(), "b j rows cols, b j cols -> b j")
        squares = squares + einsum(share, (down - y).square(), "b j rows cols, b j rows -> b j")
        return (squares + 1e-6).sqrt()

    def _shares(self, place: Float[Tensor, "b j rows cols"]):
        """The weights of a map's cells, and where its columns and rows lie, in pixels."""
        size, (rows, cols) = self.config.image_size, place.shape[-2:]
        share = rearrange(place, "b j rows cols -> b j (rows cols)").softmax(-1)
        share = share.unflatten(-1, (rows, cols))  # b j rows cols
        # the middle of each cell, in pixels; maps reach a little beyond the picture
        across = (torch.arange(cols, device=place.device) + 0.5) * (size / cols) - 0.5
        down = (torch.arange(rows, device=place.device) + 0.5) * (size / rows) - 0.5
        return share, _widened(across, size), _widened(down, size)

    def _read(
        self, place: Float[Tensor, "b j rows cols"], depth: Float[Tensor, "b j rows cols"]
    ) -> Float[Tensor, "b j xyz"]:
        """The mean place of each map, and the mean depth weighted alike."""
        share, across, down = self._shares(place)
        x = einsum(share, across, "b j rows cols, cols -> b j")
        y = einsum(share, down, "b j rows cols, rows -> b j")
        z = self.config.image_size * einsum(share, depth, "b j rows cols, b j rows cols -> b j")
        return torch.stack([x, y, z], dim=-1)  # b j xyz


def _widened(places: Float[Tensor, "n"], size: int) -> Float[Tensor, "n"]:
    """Places moved apart by a fifth: points may lie outside, and a mean never reaches the edge."""
    middle = size / 2 - 0.5
    return middle + 1.2 * (places - middle)
