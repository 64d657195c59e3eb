"""Which triangle each sample sees: loops compiled by numba, imported when `rasterise` draws.

Here and in `_lighting` all arithmetic is float32 or integer, in a fixed order and without fused
multiply-adds, so that a frame comes out the same on any number of threads and equal to the torch
version's. Constants are float32 by name: a bare 0.5 would make numba compute in float64. No
function calls one of another file, since numba's cache would not notice a change there.
"""

import math
from typing import no_type_check

import numpy as np

from painlab.datasets.synthpain import shading
from painlab.datasets.synthpain._compiled import compiled
from painlab.datasets.synthpain.shading import COLOURS, CUT_OUT, FARTHEST, STEPS, TWO_SIDED

ZERO, HALF, ONE, TINY = np.float32(0), np.float32(0.5), np.float32(1), np.float32(shading.TINY)
GRID, LIMIT = np.float32(STEPS), np.float32(FARTHEST)
BITS, MIDDLE = STEPS.bit_length() - 1, STEPS // 2
OPACITY = COLOURS - 1


@compiled
@no_type_check
def project(positions, focal, centre_x, centre_y, supersample, corners, depth):
    """Each vertex's place on the grid and 1/z; False where one has no place in a picture."""
    scale = np.float32(supersample)
    for i in range(positions.shape[0]):
        z = positions[i, 2]
        if not z > ZERO:
            return False
        x = (focal * positions[i, 0] / z + centre_x) * scale
        y = (focal * positions[i, 1] / z + centre_y) * scale
        if not (abs(x) < LIMIT and abs(y) < LIMIT):
            return False
        corners[i, 0] = np.int64(math.floor(x * GRID + HALF))
        corners[i, 1] = np.int64(math.floor(y * GRID + HALF))
        depth[i] = ONE / z
    return True


@compiled
@no_type_check
def vertex_normals(positions, triangles, normals):
    """Unit normals: the mean of the triangles' around a vertex, each weighted by its area."""
    normals[:] = ZERO
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux = positions[b, 0] - positions[a, 0]
        uy = positions[b, 1] - positions[a, 1]
        uz = positions[b, 2] - positions[a, 2]
        vx = positions[c, 0] - positions[a, 0]
        vy = positions[c, 1] - positions[a, 1]
        vz = positions[c, 2] - positions[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            normals[i, 0] += nx
            normals[i, 1] += ny
            normals[i, 2] += nz
    for i in range(normals.shape[0]):
        x, y, z = normals[i, 0], normals[i, 1], normals[i, 2]
        shrink = ONE / math.sqrt(max(x * x + y * y + z * z, TINY))
        normals[i, 0], normals[i, 1], normals[i, 2] = x * shrink, y * shrink, z * shrink


@compiled
@no_type_check
def texel(u, size):
    """The left one of the two texels that u lies between, the right one, the right one's share."""
    at = min(max(u * np.float32(size) - HALF, ZERO), np.float32(size - 1))
    first = np.int64(at)
    return first, min(first + 1, size - 1), at - np.float32(first)


@compiled
@no_type_check
def opacity(u, v, texture):
    """The texture's opacity at a place."""
    x0, x1, fx = texel(u, texture.shape[1])
    y0, y1, fy = texel(v, texture.shape[0])
    gx, gy = ONE - fx, ONE - fy
    return (
        gy * gx * texture[y0, x0, OPACITY]
        + gy * fx * texture[y0, x1, OPACITY]
        + fy * gx * texture[y1, x0, OPACITY]
        + fy * fx * texture[y1, x1, OPACITY]
    )


@compiled
@no_type_check
def cover(corners, depth, triangles, kind, uv, texture, nearest, owner):
    """For each sample the nearest triangle's number in `owner`, its 1/z in `nearest`.

    A sample belongs to a triangle if it lies inside, or on a top or left edge: where two triangles
    share an edge, each sample on it belongs to one of them. At equal depth the lower number wins.
    """
    rows, cols = owner.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = corners[a, 0], corners[a, 1]
        bx, by = corners[b, 0], corners[b, 1]
        cx, cy = corners[c, 0], corners[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0 or (area > 0 and not kind[t] & TWO_SIDED):
            continue
        left = max((min(ax, bx, cx) + MIDDLE - 1) >> BITS, 0)
        right = min((max(ax, bx, cx) - MIDDLE) >> BITS, cols - 1)
        top = max((min(ay, by, cy) + MIDDLE - 1) >> BITS, 0)
        bottom = min((max(ay, by, cy) - MIDDLE) >> BITS, rows - 1)
        if left > right or top > bottom:
            continue
        # edge functions grow towards the inside: facing triangles go round the other way on screen
        sign = 1 if area > 0 else -1
        px, py = left * STEPS + MIDDLE, top * STEPS + MIDDLE
        dxa, dya = sign * (cx - bx), sign * (cy - by)
        dxb, dyb = sign * (ax - cx), sign * (ay - cy)
        dxc, dyc = sign * (bx - ax), sign * (by - ay)
        row_a = dxa * (py - by) - dya * (px - bx)
        row_b = dxb * (py - cy) - dyb * (px - cx)
        row_c = dxc * (py - ay) - dyc * (px - ax)
        rim_a = 0 if dya < 0 or (dya == 0 and dxa > 0) else 1
        rim_b = 0 if dyb < 0 or (dyb == 0 and dxb > 0) else 1
        rim_c = 0 if dyc < 0 or (dyc == 0 and dxc > 0) else 1
        share = ONE / np.float32(sign * area)
        wa, wb, wc = depth[a] * share, depth[b] * share, depth[c] * share
        cut = kind[t] & CUT_OUT
        for y in range(top, bottom + 1):
            ea, eb, ec = row_a, row_b, row_c
            for x in range(left, right + 1):
                if ((ea - rim_a) | (eb - rim_b) | (ec - rim_c)) >= 0:
                    fa, fb, fc = np.float32(ea) * wa, np.float32(eb) * wb, np.float32(ec) * wc
                    w = fa + fb + fc
                    if w > nearest[y, x]:
                        whole = True
                        if cut:
                            r = ONE / w
                            fa, fb, fc = fa * r, fb * r, fc * r
                            u = fa * uv[t, 0, 0] + fb * uv[t, 1, 0] + fc * uv[t, 2, 0]
                            v = fa * uv[t, 0, 1] + fb * uv[t, 1, 1] + fc * uv[t, 2, 1]
                            whole = opacity(u, v, texture) >= HALF
                        if whole:
                            nearest[y, x] = w
                            owner[y, x] = t
                ea -= dya * STEPS
                eb -= dyb * STEPS
                ec -= dyc * STEPS
            row_a += dxa * STEPS
            row_b += dxb * STEPS
            row_c += dxc * STEPS
