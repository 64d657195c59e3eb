"""Strong changes of pictures of rendered faces, so that a network reads real ones as well.

Place: turn, zoom, shift. Colour: gain and gamma of each channel, grey, brightness. Quality: blur,
few pixels, noise, JPEG. Occlusion: pieces of other pictures and plain patches over the face.
"""

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from painlab.typing import Float


def distort(
    images: Float[Tensor, "b c height width"],
    landmarks: Float[Tensor, "b 68 3"],
    rng: np.random.Generator,
) -> tuple[Float[Tensor, "b c height width"], Float[Tensor, "b 68 3"]]:
    """Each picture in its own way, from the generator alone; values stay within 0..1."""
    images, landmarks = move(images, landmarks, rng)
    images = recolour(images, rng)
    images = cover(images, rng)
    images = degrade(images, rng)
    return images.clamp(0, 1), landmarks


def distort_faces(
    images: Float[Tensor, "b c height width"], rng: np.random.Generator
) -> Float[Tensor, "b c height width"]:
    """As `distort`, for aligned faces: they stay in their place."""
    return degrade(cover(recolour(images, rng), rng), rng).clamp(0, 1)


def move(images, landmarks, rng, *, turn=10.0, zoom=0.12, shift=0.05, stretch=0.05):
    """Turn by degrees, zoom and stretch by logarithms, shift by a share of the side (deviations).

    Stretched faces have proportions that no rendered one has, so that a point has to be looked for
    and cannot be told from where the others are. Depth is zoomed, not stretched.
    """
    b, size = len(images), images.shape[-1]
    angle = torch.from_numpy(np.radians(rng.normal(0, turn, b))).float()
    scale = torch.from_numpy(np.exp(rng.normal(0, zoom, b))).float()
    offset = torch.from_numpy(rng.normal(0, shift, (b, 2))).float() * 2
    longer = torch.from_numpy(np.exp(rng.normal(0, stretch, b))).float()
    cos, sin = torch.cos(angle), torch.sin(angle)
    turned = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    # across by the stretch, down by its inverse, then turned and zoomed
    linear = turned * torch.stack([longer, 1 / longer], -1)[:, None] * scale[:, None, None]  # b 2 2
    # grid_sample asks where in the old picture each new pixel comes from
    back = torch.linalg.inv(linear)  # b 2 2
    theta = torch.cat([back, -(back @ offset[..., None])], -1)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    images = F.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    middle = size / 2 - 0.5
    places = (landmarks[..., :2] - middle) @ linear.transpose(1, 2)
    places = places + offset[:, None] * (size / 2) + middle
    return images, torch.cat([places, landmarks[..., 2:] * scale[:, None, None]], -1)


def recolour(images, rng):
    """Gain and gamma of each channel, brightness, contrast, and now and then no colour at all."""
    b = len(images)

    def draw(spread, *shape):
        return torch.from_numpy(np.exp(rng.normal(0, spread, (b, *shape, 1, 1)))).float()

    images = images.clamp(1e-4, 1) ** (draw(0.25, 1) * draw(0.08, 3)) * (
        draw(0.2, 1) * draw(0.08, 3)
    )
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + (images - mean) * draw(0.2, 1)
    grey = images.mean(1, keepdim=True).expand_as(images)
    share = torch.from_numpy(np.where(rng.random(b) < 0.15, 1.0, rng.uniform(-0.4, 0.5, b))).float()
    images = images + share[:, None, None, None] * (grey - images)
    # light from one side
    size = images.shape[-1]
    ramp = torch.linspace(-1, 1, size)
    slope = torch.from_numpy(rng.normal(0, 0.25, (b, 2))).float()
    shade = slope[:, :1, None] * ramp + slope[:, 1:, None] * ramp[:, None]
    return (images * (1 + shade[:, None])).clamp(0, 1)


def cover(images, rng):
    """A plain patch, or a piece of another picture, over some faces."""
    images = images.clone()
    b, size = len(images), images.shape[-1]
    for i in np.flatnonzero(rng.random(b) < 0.35):
        for _ in range(rng.integers(1, 3)):
            height, width = (size * rng.uniform(0.08, 0.4, 2)).astype(int)
            top, left = rng.integers(0, size - height), rng.integers(0, size - width)
            if rng.random() < 0.5:
                other = int(rng.integers(b))
                y, x = rng.integers(0, size - height), rng.integers(0, size - width)
                piece = images[other, :, y : y + height, x : x + width].clone()
            else:
                piece = torch.from_numpy(rng.random((3, 1, 1))).float().expand(3, height, width)
            images[i, :, top : top + height, left : left + width] = piece
    return images


def degrade(images, rng):
    """Blur, few pixels, noise and JPEG."""
    size = images.shape[-1]
    out = []
    for image in images:
        if rng.random() < 0.35:
            few = int(size * rng.uniform(0.25, 0.8))
            image = F.interpolate(image[None], few, mode="area")
            image = F.interpolate(image, size, mode="bilinear", align_corners=False)[0]
        if rng.random() < 0.3:
            image = _blurred(image, rng.uniform(0.4, 2.0), rng)
        out.append(image)
    images = torch.stack(out)
    strength = torch.from_numpy(np.abs(rng.normal(0, 0.035, len(images)))).float()
    noise = torch.from_numpy(rng.standard_normal(images.shape, dtype=np.float32))
    images = (images + strength[:, None, None, None] * noise).clamp(0, 1)
    chosen = np.flatnonzero(rng.random(len(images)) < 0.4)
    for i in chosen:
        images[i] = _compressed(images[i], int(rng.integers(20, 90)))
    return images


def _compressed(image, quality: int):
    """What JPEG leaves of a picture."""
    import cv2

    pixels = rearrange((image * 255).round().to(torch.uint8), "c height width -> height width c")
    colours = np.ascontiguousarray(pixels.numpy()[..., ::-1])  # OpenCV's order is blue, green, red
    _, packed = cv2.imencode(".jpg", colours, [cv2.IMWRITE_JPEG_QUALITY, quality])
    colours = cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1]
    back = rearrange(torch.from_numpy(colours.copy()), "height width c -> c height width")
    return back.float() / 255


def _blurred(image, sigma, rng):
    """A Gaussian, stretched along one axis now and then as motion does."""
    sigmas = sigma * np.array([1.0, rng.uniform(0.2, 1.0)])[rng.permutation(2)]
    reach = int(np.ceil(2.5 * sigma))
    steps = torch.arange(-reach, reach + 1).float()
    row, column = (torch.exp(-0.5 * (steps / s) ** 2) for s in sigmas)
    row, column = row / row.sum(), column / column.sum()
    padded = F.pad(image[None], (reach,) * 4, mode="reflect")
    c = len(image)
    blurred = F.conv2d(padded, row.expand(c, 1, 1, -1), groups=c)
    return F.conv2d(blurred, column[:, None].expand(c, 1, -1, 1), groups=c)[0]
