"""The warp of `painlab.alignment.warp` for many frames at once, on the device where they are."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from painlab.typing import Float, UInt8

SAMPLES_AT_ONCE = 2**25  # 128 MB a channel in float32


def warp_frames(
    frames: UInt8[Tensor, "k height width c"], transforms: Float[np.ndarray, "k 2 3"], *, size: int
) -> UInt8[Tensor, "k size size c"]:
    """What `warp_frame` makes of each frame with its transform; nothing leaves the device.

    Nearly everywhere the pixels are the same or differ by one grey level: OpenCV rounds places and
    weights otherwise.

    Args:
        frames: of one clip, on any device.
        transforms: of each frame, from its pixels to those of its picture.
        size: pixels of a side of the pictures.
    """
    pictures = frames.new_empty(len(frames), size, size, frames.shape[-1])
    finer = np.array([_samples(transform) for transform in transforms], int)
    for n in np.unique(finer).tolist():  # most often one for all frames of a clip
        rows = np.flatnonzero(finer == n)
        at_once = max(1, SAMPLES_AT_ONCE // (n * size) ** 2)
        for part in np.split(rows, range(at_once, len(rows), at_once)):
            there = torch.from_numpy(part).to(frames.device)
            grid = _grid(transforms[part], frames.shape[1:3], size=size, n=n, device=frames.device)
            pictures[there] = _sampled(frames[there], grid, n=n)
    return pictures


def _samples(transform: Float[np.ndarray, "2 3"]) -> int:
    """Samples of a pixel along each axis, as in `warp_frame`."""
    zoom = math.sqrt(abs(np.linalg.det(transform[:, :2])))
    return min(8, math.ceil(1 / zoom - 1e-3))


def _grid(transforms, sides, *, size: int, n: int, device) -> Float[Tensor, "k height width 2"]:
    """Where each sample lies in its frame, as grid_sample counts: -1 and 1 are the outer edges.

    Sums of products, not `affine_grid`: that is a matrix product, which may be in TF32 on a GPU,
    and ten bits leave a tenth of a pixel.
    """
    back = np.linalg.inv(transforms[:, :, :2].astype(np.float64))  # k 2 2
    shift = -(back @ transforms[:, :, 2:])[..., 0]  # k 2
    scale = 2 / np.array(sides[::-1], float)  # of x, of y
    back, shift = back * scale[:, None], (shift + 0.5) * scale - 1
    places = (torch.arange(n * size, device=device) + 0.5) / n - 0.5  # of samples, in pixels
    back = torch.from_numpy(back.astype(np.float32)).to(device)
    shift = torch.from_numpy(shift.astype(np.float32)).to(device)
    x, y = rearrange(places, "width -> width 1"), rearrange(places, "height -> height 1 1")
    of = lambda values: rearrange(values, "k xyz -> k 1 1 xyz")  # noqa: E731
    return x * of(back[..., 0]) + y * of(back[..., 1]) + of(shift)  # k height width 2


def _sampled(frames, grid, *, n: int) -> UInt8[Tensor, "k size size c"]:
    images = rearrange(frames, "k height width c -> k c height width").float()
    drawn = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    if n > 1:
        drawn = F.avg_pool2d(drawn, n)
    drawn = drawn.round().clamp(0, 255).to(torch.uint8)
    return rearrange(drawn, "k c height width -> k height width c")
