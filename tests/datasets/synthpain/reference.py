"""The shading model once more, in float64 and another way: every ray against every triangle."""

import numpy as np

WRAP = np.array([0.35, 0.22, 0.18])


def to_srgb(linear):
    """Linear light 0..1 as sRGB grey levels, not rounded."""
    linear = np.clip(linear, 0, 1)
    low = linear <= 0.0031308
    return 255 * np.where(low, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def to_linear(levels):
    """The other way."""
    levels = np.asarray(levels, float) / 255
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def bilinear(picture, x, y):
    """A picture at places in pixels from the first one's centre, clamped at its border."""
    height, width = picture.shape[:2]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    top = picture[y0, x0] * (1 - fx) + picture[y0, x1] * fx
    return top * (1 - fy) + (picture[y1, x0] * (1 - fx) + picture[y1, x1] * fx) * fy


def unit(vectors):
    """Vectors of length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def hits(rays, corners):
    """Where rays (r 3) from the origin meet triangles (t 3 3): distance and shares (r t 3).

    A ray meets a plane where the three signed volumes that it spans with the edges have one sign;
    they are the shares of the corners.
    """
    a, b, c = (corners[:, i] for i in range(3))
    volumes = np.stack([rays @ np.cross(p, q).T for p, q in ((b, c), (c, a), (a, b))], -1)
    total = volumes.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = volumes / total[..., None]
        distance = (a * np.cross(b, c)).sum(-1) / total
    inside = (shares >= 0).all(-1) & (distance > 0)
    return np.where(inside, distance, np.inf), shares


def draw_frame(scene: dict, frame: int):
    """One frame in grey levels that are not rounded, without grain."""
    height, width = scene["size"]
    surface, light, backdrop = scene["surface"], scene["light"], scene["backdrop"]
    fine, focal = scene["supersample"], float(scene["focal"][frame])
    points = scene["positions"][frame].astype(float)
    corners = points[surface.triangles]
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(points)
    for i in range(3):
        np.add.at(normals, surface.triangles[:, i], outward)
    normals = unit(normals)

    y, x = (np.indices((height * fine, width * fine)) + 0.5) / fine
    rays = np.stack([x - scene["centre"][0], y - scene["centre"][1], np.full_like(x, focal)], -1)
    rays = rays.reshape(-1, 3)
    distance, shares = hits(rays, corners)
    two_sided, cut_out = surface.kind & 1 > 0, surface.kind & 2 > 0
    away = (outward * corners[:, 0]).sum(-1) >= 0
    distance[:, away & ~two_sided] = np.inf
    u, v = np.moveaxis((np.nan_to_num(shares)[..., None] * surface.uv).sum(2), -1, 0)
    rows, cols = surface.texture.shape[:2]
    for t in np.flatnonzero(cut_out):
        seen = bilinear(surface.texture, u[:, t] * cols - 0.5, v[:, t] * rows - 0.5)
        distance[seen[:, 4] < 0.5, t] = np.inf
    nearest = distance.argmin(-1)
    hit = np.isfinite(distance.min(-1))

    each = np.arange(len(rays))
    share, corner = shares[each, nearest][hit], surface.triangles[nearest[hit]]
    view = -unit(rays[hit])
    n = unit((share[..., None] * normals[corner]).sum(1))
    turn = two_sided[nearest[hit]] & ((n * view).sum(-1) < 0)
    n = np.where(turn[:, None], -n, n)
    a = (share * surface.occlusion[corner]).sum(-1, keepdims=True)
    seen = bilinear(
        surface.texture, u[each, nearest][hit] * cols - 0.5, v[each, nearest][hit] * rows - 0.5
    )
    crease = (scene["wrinkles"][frame] * seen[:, 5:]).sum(-1, keepdims=True)
    albedo = seen[:, :3] * np.maximum(0, 1 - crease)
    sky, ground = light.sky[frame], light.ground[frame]
    lit = (ground + (sky - ground) * (0.5 - 0.5 * n[:, 1:2])) * a
    shine = np.zeros_like(lit)
    for lamp, colour in zip(light.direction[frame], light.colour[frame], strict=True):
        fall = (n @ lamp)[:, None]
        lit += np.maximum(0, (fall + WRAP) / (1 + WRAP)) * (0.4 + 0.6 * a) * colour
        half = (n * unit(lamp + view)).sum(-1, keepdims=True)
        shine += seen[:, 3:4] * np.maximum(0, half) ** 32 * (fall > 0) * a * colour

    colours = np.zeros((len(rays), 3))
    behind = bilinear(
        backdrop.picture,
        np.floor(x) + backdrop.corner[frame, 0],
        np.floor(y) + backdrop.corner[frame, 1],
    )
    colours[:] = behind.reshape(-1, 3)
    colours[hit] = albedo * lit + shine
    samples = colours.reshape(height, fine, width, fine, 3)
    return to_srgb(samples.mean((1, 3)))
