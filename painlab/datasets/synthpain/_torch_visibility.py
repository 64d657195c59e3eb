"""Which triangle each sample sees, in batched torch: `_visibility` for all frames at once."""

import torch

from painlab.datasets.synthpain._torch_lighting import dot, sample_texture
from painlab.datasets.synthpain.shading import COLOURS, CUT_OUT, FARTHEST, STEPS, TINY, TWO_SIDED

MIDDLE, BITS = STEPS // 2, STEPS.bit_length() - 1
EMPTY = (1 << 63) - 1  # of the z-buffer


def project(positions, focal, centre, supersample):
    """Each vertex's place on the grid (k v 2), 1/z (k v), and which frames are well (k,)."""
    z = positions[..., 2:]  # (k v 1)
    optical = torch.tensor(centre, dtype=torch.float32, device=z.device)
    samples = (focal[:, None, None] * positions[..., :2] / z + optical) * supersample
    well = ((z > 0) & (samples.abs() < FARTHEST)).all(-1).all(-1)
    return torch.floor(samples * STEPS + 0.5).long(), 1 / z[..., 0], well


def normal_rounds(triangles, *, vertices: int):
    """Pairs (vertices, triangles): the first triangle of every vertex, then the second, ...

    No vertex is twice in a round, so that adding round after round needs no atomic sum, whose
    order a GPU would choose.
    """
    owners, order = triangles.reshape(-1).sort(stable=True)
    many = torch.bincount(owners, minlength=vertices)
    rank = torch.arange(len(owners), device=owners.device) - (many.cumsum(0) - many)[owners]
    by_rank = rank.sort(stable=True).indices
    sizes = torch.bincount(rank).tolist()
    return [(owners[i], order[i] // 3) for i in by_rank.split(sizes)]


def vertex_normals(positions, triangles, rounds):
    """Unit normals (k v 3): the mean of the triangles' around, each weighted by its area."""
    a, b, c = (positions[:, corner] for corner in triangles.unbind(-1))
    (ux, uy, uz), (vx, vy, vz) = (b - a).unbind(-1), (c - a).unbind(-1)
    cross = torch.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx], -1)
    normals = torch.zeros_like(positions)
    for vertices, around in rounds:
        normals[:, vertices] += cross[:, around]
    return normals * (1 / dot(normals, normals).clamp(min=TINY).sqrt())[..., None]


def spread(many):
    """For each of the sum(many) parts: whose part it is, and its number among them."""
    owner = torch.repeat_interleave(many)
    return owner, torch.arange(len(owner), device=many.device) - (many.cumsum(0) - many)[owner]


def visible(corners, depth, surface, *, size, supersample):
    """The nearest triangle of each sample that has one.

    Returns:
        One row for each such sample: its number (counted over frame, y, x), its triangle, and
        (samples 3) how much of each corner shows there, with perspective.
    """
    rows, cols = size[0] * supersample, size[1] * supersample
    k, tri = len(corners), len(surface.triangles)
    place = corners[:, surface.triangles]  # (k tri 3 2)
    a, b, c = place.unbind(-2)
    area = (b - a)[..., 0] * (c - a)[..., 1] - (b - a)[..., 1] * (c - a)[..., 0]  # (k tri)
    limit = torch.tensor([cols - 1, rows - 1], device=place.device)
    first = ((place.amin(-2) + MIDDLE - 1) >> BITS).clamp(min=0)  # (k tri 2)
    last = torch.minimum((place.amax(-2) - MIDDLE) >> BITS, limit)
    facing = (area < 0) | ((area > 0) & (surface.kind & TWO_SIDED).bool())
    kept = (facing & (first <= last).all(-1)).nonzero()  # (kept 2): frame, triangle
    frame, t = kept.unbind(-1)
    pick = frame * tri + t

    def of_kept(array):
        return array.reshape(k * tri, *array.shape[2:])[pick]

    place, first, last, area = map(of_kept, (place, first, last, area))
    sign = torch.where(area > 0, 1, -1)
    start = first * STEPS + MIDDLE
    edge, row, rim = [], [], []
    for i, j in ((1, 2), (2, 0), (0, 1)):
        step = sign[:, None] * (place[:, j] - place[:, i])
        away = start - place[:, i]
        row.append(step[:, 0] * away[:, 1] - step[:, 1] * away[:, 0])
        edge.append(step)
        topleft = (step[:, 1] < 0) | ((step[:, 1] == 0) & (step[:, 0] > 0))
        rim.append((~topleft).long())
    steps = torch.stack(edge, 1) * STEPS  # (kept 3 2)
    values, rims = torch.stack(row, 1), torch.stack(rim, 1)  # (kept 3)
    share = 1 / (sign * area).float()
    weight = depth[frame[:, None], surface.triangles[t]] * share[:, None]  # (kept 3)

    owner, down = spread(last[:, 1] - first[:, 1] + 1)  # a line for each row of each triangle
    values = values[owner] + down[:, None] * steps[owner, :, 0]
    slope, room = steps[owner, :, 1], values - rims[owner]
    bound = torch.div(room, slope.abs().clamp(min=1), rounding_mode="floor")
    wide = (last - first)[owner, :1]
    right = torch.minimum(torch.where(slope > 0, bound, wide), wide)
    right = torch.where((slope == 0) & (room < 0), -1, right).amin(-1)
    left = torch.where(slope < 0, -bound, 0).clamp(min=0).amax(-1)
    # from here on rounding decides no more about who covers what
    height = (values - left[:, None] * slope).float() * weight[owner]
    fall = slope.float() * weight[owner]
    start = ((frame[owner] * rows + first[owner, 1] + down) * cols) + first[owner, 0] + left

    line, along = spread((right - left + 1).clamp(min=0))  # a line for each sample inside
    part = height[line].addcmul_(fall[line], along[:, None].float(), value=-1)
    near = part.sum(-1)  # 1/z, and part is how much of it comes from each corner
    part = part / near[:, None]
    sample, t = start[line] + along, t[owner][line]
    if (surface.kind & CUT_OUT).any():
        whole = ~(surface.kind[t] & CUT_OUT).bool()
        maybe = (~whole).nonzero()[:, 0]
        opacity = sample_texture(surface, t[maybe], part[maybe])[:, COLOURS - 1]
        whole[maybe] = opacity >= 0.5
        sample, t, part, near = sample[whole], t[whole], part[whole], near[whole]

    # positive floats order as their bits do: the nearest has the smallest key, then the lowest t
    key = ((0x7FFFFFFF - near.view(torch.int32).long()) << 32) | t
    nearest = torch.full((k * rows * cols,), EMPTY, device=key.device)
    nearest.scatter_reduce_(0, sample, key, "amin")
    won = (nearest[sample] == key).nonzero()[:, 0]
    return sample[won], t[won], part[won]
