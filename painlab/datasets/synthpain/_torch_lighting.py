"""What each sample looks like, in batched torch: `_lighting` for all frames at once."""

import torch
from einops import rearrange
from torch.nn.functional import embedding_bag

from painlab.datasets.synthpain.shading import (
    COLOURS,
    GLOSS_SQUARINGS,
    SHADED,
    TINY,
    TONES,
    TWO_SIDED,
    WRAP,
    mix,
)


def dot(a, b):
    """The scalar product of vectors in the last axis, summed in order."""
    product = a * b
    return product[..., 0] + product[..., 1] + product[..., 2]


def weighted(table, rows, shares):
    """Sums of rows (samples n) of a table, each times its share: (samples c).

    An embedding bag does it without the products in memory, which are most of the work otherwise.
    """
    return embedding_bag(rows, table, per_sample_weights=shares, mode="sum")


def bilinear(picture, x, y):
    """A picture (height width c) at places in pixels from the first one's centre: (samples c)."""
    height, width = picture.shape[:2]
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    x0, y0 = x.int(), y.int()
    right, low = x - x0, y - y0
    left, high = 1 - right, 1 - low
    x1, y1 = (x0 + 1).clamp(max=width - 1), (y0 + 1).clamp(max=height - 1)
    y0, y1 = y0 * width, y1 * width
    rows = torch.stack([y0 + x0, y0 + x1, y1 + x0, y1 + x1], -1)
    shares = torch.stack([high * left, high * right, low * left, low * right], -1)
    return weighted(rearrange(picture, "height width c -> (height width) c"), rows, shares)


def sample_texture(surface, t, part):
    """The texture where the samples of triangles t see it: (samples c)."""
    corners = 3 * t[:, None] + torch.arange(3, device=t.device)
    u, v = weighted(surface.uv.reshape(-1, 2), corners, part).unbind(-1)
    height, width = surface.texture.shape[:2]
    return bilinear(surface.texture, u * width - 0.5, v * height - 0.5)


def shade(
    sample,
    t,
    part,
    *,
    normals,
    focal,
    centre,
    size,
    surface,
    light,
    backdrop,
    wrinkles,
    supersample,
):
    """The mean linear colour of each pixel's samples (k height width 3)."""
    (height, width), k, device = size, len(focal), focal.device
    rows, cols = height * supersample, width * supersample
    frame, x, y = sample // (rows * cols), sample % cols, sample // cols % rows

    # towards the camera: the way back along the sample's ray
    fine, focal_of = torch.tensor(1 / supersample, device=device), focal[frame]
    view = torch.stack(
        [centre[0] - (x.float() + 0.5) * fine, centre[1] - (y.float() + 0.5) * fine, -focal_of], -1
    )  # (samples 3)
    view = view * (1 / dot(view, view).sqrt())[:, None]
    table = torch.cat([normals, surface.occlusion[:, None].expand(*normals.shape[:2], 1)], -1)
    corner = surface.triangles[t] + frame[:, None] * normals.shape[1]  # (samples 3)
    normal, reach = weighted(table.reshape(-1, 4), corner, part).split([3, 1], -1)
    shrink = 1 / dot(normal, normal).clamp(min=TINY).sqrt()
    facing = dot(normal, view) * shrink
    turn = torch.where((surface.kind[t] & TWO_SIDED).bool() & (facing < 0), -1.0, 1.0)
    normal, facing = normal * (shrink * turn)[:, None], facing * turn

    seen = sample_texture(surface, t, part)
    crease = (wrinkles[frame] * seen[:, COLOURS:]).sum(-1, keepdim=True)
    albedo = seen[:, :3] * (1 - crease).clamp(min=0)
    ground, sky = light.ground[frame], light.sky[frame]
    lit = torch.lerp(ground, sky, 0.5 - 0.5 * normal[:, 1:2]) * reach
    shine = torch.zeros_like(lit)
    reached = SHADED + (1 - SHADED) * reach
    gloss = seen[:, 3] * reach[:, 0]
    wrap = torch.tensor(WRAP, device=device)
    wrapped = torch.tensor([1 / (1 + w) for w in WRAP], device=device)
    for i in range(light.direction.shape[1]):
        lamp, colour = light.direction[frame, i], light.colour[frame, i]
        fall = dot(normal, lamp)
        diffuse = torch.addcmul(wrap * wrapped, fall[:, None], wrapped).clamp_(min=0)
        lit = lit.addcmul_(diffuse.mul_(reached), colour)
        # n·h with h the unit vector along l + v
        half = (2 + 2 * dot(lamp, view)).clamp_(min=TINY).sqrt_()
        mirrored = ((fall + facing) / half).clamp_(min=0)
        for _ in range(GLOSS_SQUARINGS):
            mirrored.square_()
        mirrored = torch.where(fall > 0, mirrored * gloss, 0)
        shine.addcmul_(mirrored[:, None], colour)

    colours = torch.zeros(k * rows * cols, 3, device=device)
    colours[sample] = shine.addcmul_(albedo, lit)
    empty = torch.ones(k * rows * cols, device=device)
    empty[sample] = 0
    colours, empty = (
        rearrange(
            array, "(k height s1 width s2 c) -> (s1 s2) k height width c",
            k=k, height=height, s1=supersample, width=width, s2=supersample,
        )
        for array in (colours.reshape(-1), empty)
    )  # fmt: skip
    total, gaps = sum(colours.unbind(0)), sum(empty.unbind(0))  # (k height width 3), (... 1)
    return (total + gaps * backdrop_window(backdrop, size)) * (fine * fine)


def backdrop_window(backdrop, size):
    """The part of the backdrop behind each frame (k height width 3)."""
    k, device = len(backdrop.corner), backdrop.corner.device
    x = backdrop.corner[:, 0, None, None] + torch.arange(size[1], device=device)
    y = backdrop.corner[:, 1, None, None] + torch.arange(size[0], device=device)[:, None]
    x, y = (axis.expand(k, *size).reshape(-1) for axis in (x, y))
    return bilinear(backdrop.picture, x, y).reshape(k, *size, 3)


def develop(linear, table, grain, key, first_frame):
    """Linear light to sRGB grey levels, with grain, rounded: uint8 (k height width 3)."""
    tone = linear.clamp(0, 1) * (TONES - 1)
    step = tone.long()
    level = table[step] + (tone - step) * (table[step + 1] - table[step])
    k, height, width, _ = linear.shape
    frame, y, x = (torch.arange(n, device=linear.device) for n in (k, height, width))
    channel = torch.arange(3, device=linear.device)
    seed = mix(mix(key ^ (first_frame + frame))[:, None] ^ y)[..., None, None]
    noise = mix32(seed.int() ^ (3 * x[:, None] + channel).int()) >> 9  # (k height width 3)
    noise = (noise & 0x7FFFFF) * 2 + (1 - (1 << 23))
    level = level.add_(noise.float() * 2.0**-23 * grain)
    return torch.floor(level + 0.5).clamp(0, 255).to(torch.uint8)


def mix32(x):
    """`shading.mix` on int32, of which shifts must not spread the sign, at half the memory."""
    x = (x ^ ((x >> 16) & 0xFFFF)) * 0x21F0AAAD
    x = (x ^ ((x >> 15) & 0x1FFFF)) * 0x735A2D97
    return x ^ ((x >> 15) & 0x1FFFF)
