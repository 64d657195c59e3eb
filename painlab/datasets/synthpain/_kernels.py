"""The rasteriser's loops, compiled by numba; `rasterise` imports this file when it first draws.

All arithmetic is float32 or integer, in a fixed order and without fused multiply-adds, so that a
frame comes out the same on any number of threads and equal to the torch version's. Constants are
float32 by name: a bare 0.5 would make numba compute in float64.
"""

import math
from typing import no_type_check

import numba
import numpy as np

from painlab.datasets.synthpain.shading import (
    COLOURS,
    CUT_OUT,
    FARTHEST,
    GLOSS_SQUARINGS,
    SHADED,
    STEPS,
    TONES,
    TWO_SIDED,
    WRAP,
)

ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
TINY = np.float32(1e-20)
GRID = np.float32(STEPS)
LIMIT = np.float32(FARTHEST)
TOP = np.float32(TONES - 1)
FULL = np.float32(255)
BITS = STEPS.bit_length() - 1
MIDDLE = STEPS // 2
WRAP_R, WRAP_G, WRAP_B = (np.float32(w) for w in WRAP)
WRAPPED_R, WRAPPED_G, WRAPPED_B = (np.float32(1 / (1 + w)) for w in WRAP)
DARK, OPEN = np.float32(SHADED), np.float32(1 - SHADED)
GRAIN_STEP = np.float32(2.0**-23)


def compiled(function):
    """Compile with a cache on disk, or without where numba finds no folder it may write to."""
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)


@compiled
@no_type_check
def mix(x):
    """`shading.mix` on uint32."""
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x21F0AAAD))
    x = np.uint32((x ^ (x >> np.uint32(15))) * np.uint32(0x735A2D97))
    return np.uint32(x ^ (x >> np.uint32(15)))


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
        gy * gx * texture[y0, x0, 4]
        + gy * fx * texture[y0, x1, 4]
        + fy * gx * texture[y1, x0, 4]
        + fy * fx * texture[y1, x1, 4]
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


@compiled
@no_type_check
def shade(
    corners, depth, normals, triangles, uv, kind, occlusion, texture, owner, focal, centre_x,
    centre_y, supersample, direction, colour, sky, ground, wrinkles, picture, corner, linear,
):  # fmt: skip
    """The mean linear colour of each pixel's samples; empty ones show the backdrop."""
    height, width = linear.shape[0], linear.shape[1]
    fine = ONE / np.float32(supersample)
    share_of_sample = fine * fine
    used = np.flatnonzero(wrinkles)
    ax = ay = bx = by = cx = cy = np.int64(0)
    a = b = c = np.int32(0)
    sign = np.int64(1)
    wa = wb = wc = ZERO
    for y in range(height):
        for x in range(width):
            red = green = blue = ZERO
            empty = 0
            last = np.int32(-1)
            for part in range(supersample * supersample):
                sy, sx = y * supersample + part // supersample, x * supersample + part % supersample
                t = owner[sy, sx]
                if t < 0:
                    empty += 1
                    continue
                if t != last:
                    last = t
                    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                    ax, ay = corners[a, 0], corners[a, 1]
                    bx, by = corners[b, 0], corners[b, 1]
                    cx, cy = corners[c, 0], corners[c, 1]
                    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
                    sign = np.int64(1) if area > 0 else np.int64(-1)
                    share = ONE / np.float32(sign * area)
                    wa, wb, wc = depth[a] * share, depth[b] * share, depth[c] * share
                px, py = sx * STEPS + MIDDLE, sy * STEPS + MIDDLE
                ea = sign * ((cx - bx) * (py - by) - (cy - by) * (px - bx))
                eb = sign * ((ax - cx) * (py - cy) - (ay - cy) * (px - cx))
                ec = sign * ((bx - ax) * (py - ay) - (by - ay) * (px - ax))
                fa, fb, fc = np.float32(ea) * wa, np.float32(eb) * wb, np.float32(ec) * wc
                r = ONE / (fa + fb + fc)
                fa, fb, fc = fa * r, fb * r, fc * r
                u = fa * uv[t, 0, 0] + fb * uv[t, 1, 0] + fc * uv[t, 2, 0]
                v = fa * uv[t, 0, 1] + fb * uv[t, 1, 1] + fc * uv[t, 2, 1]
                light_left = fa * occlusion[a] + fb * occlusion[b] + fc * occlusion[c]

                # towards the camera: the way back along the sample's ray
                vx = centre_x - (np.float32(sx) + HALF) * fine
                vy = centre_y - (np.float32(sy) + HALF) * fine
                shrink = ONE / math.sqrt(vx * vx + vy * vy + focal * focal)
                vx, vy, vz = vx * shrink, vy * shrink, -focal * shrink
                nx = fa * normals[a, 0] + fb * normals[b, 0] + fc * normals[c, 0]
                ny = fa * normals[a, 1] + fb * normals[b, 1] + fc * normals[c, 1]
                nz = fa * normals[a, 2] + fb * normals[b, 2] + fc * normals[c, 2]
                shrink = ONE / math.sqrt(max(nx * nx + ny * ny + nz * nz, TINY))
                nv = (nx * vx + ny * vy + nz * vz) * shrink
                if kind[t] & TWO_SIDED and nv < ZERO:
                    shrink, nv = -shrink, -nv
                nx, ny, nz = nx * shrink, ny * shrink, nz * shrink

                x0, x1, right = texel(u, texture.shape[1])
                y0, y1, low = texel(v, texture.shape[0])
                left, high = ONE - right, ONE - low
                w00, w01, w10, w11 = high * left, high * right, low * left, low * right
                p00, p01, p10, p11 = (
                    texture[y0, x0],
                    texture[y0, x1],
                    texture[y1, x0],
                    texture[y1, x1],
                )
                base_r = w00 * p00[0] + w01 * p01[0] + w10 * p10[0] + w11 * p11[0]
                base_g = w00 * p00[1] + w01 * p01[1] + w10 * p10[1] + w11 * p11[1]
                base_b = w00 * p00[2] + w01 * p01[2] + w10 * p10[2] + w11 * p11[2]
                gloss = w00 * p00[3] + w01 * p01[3] + w10 * p10[3] + w11 * p11[3]
                crease = ZERO
                for i in used:
                    j = COLOURS + i
                    map_i = w00 * p00[j] + w01 * p01[j] + w10 * p10[j] + w11 * p11[j]
                    crease += wrinkles[i] * map_i
                smooth = max(ONE - crease, ZERO)

                up = HALF - HALF * ny
                lit_r = (ground[0] + (sky[0] - ground[0]) * up) * light_left
                lit_g = (ground[1] + (sky[1] - ground[1]) * up) * light_left
                lit_b = (ground[2] + (sky[2] - ground[2]) * up) * light_left
                shine_r = shine_g = shine_b = ZERO
                reached = DARK + OPEN * light_left
                for i in range(direction.shape[0]):
                    lx, ly, lz = direction[i, 0], direction[i, 1], direction[i, 2]
                    nl = nx * lx + ny * ly + nz * lz
                    lit_r += max((nl + WRAP_R) * WRAPPED_R, ZERO) * reached * colour[i, 0]
                    lit_g += max((nl + WRAP_G) * WRAPPED_G, ZERO) * reached * colour[i, 1]
                    lit_b += max((nl + WRAP_B) * WRAPPED_B, ZERO) * reached * colour[i, 2]
                    if nl > ZERO:
                        # n·h with h the unit vector along l + v
                        lv = lx * vx + ly * vy + lz * vz
                        nh = max((nl + nv) / math.sqrt(max(TWO + TWO * lv, TINY)), ZERO)
                        for _ in range(GLOSS_SQUARINGS):
                            nh = nh * nh
                        shine = gloss * nh * light_left
                        shine_r += shine * colour[i, 0]
                        shine_g += shine * colour[i, 1]
                        shine_b += shine * colour[i, 2]
                red += base_r * smooth * lit_r + shine_r
                green += base_g * smooth * lit_g + shine_g
                blue += base_b * smooth * lit_b + shine_b
            if empty:
                at_x = min(max(corner[0] + np.float32(x), ZERO), np.float32(picture.shape[1] - 1))
                at_y = min(max(corner[1] + np.float32(y), ZERO), np.float32(picture.shape[0] - 1))
                x0, y0 = np.int64(at_x), np.int64(at_y)
                x1, y1 = min(x0 + 1, picture.shape[1] - 1), min(y0 + 1, picture.shape[0] - 1)
                right, low = at_x - np.float32(x0), at_y - np.float32(y0)
                left, high = ONE - right, ONE - low
                w00, w01, w10, w11 = high * left, high * right, low * left, low * right
                p00, p01, p10, p11 = (
                    picture[y0, x0],
                    picture[y0, x1],
                    picture[y1, x0],
                    picture[y1, x1],
                )
                many = np.float32(empty)
                red += many * (w00 * p00[0] + w01 * p01[0] + w10 * p10[0] + w11 * p11[0])
                green += many * (w00 * p00[1] + w01 * p01[1] + w10 * p10[1] + w11 * p11[1])
                blue += many * (w00 * p00[2] + w01 * p01[2] + w10 * p10[2] + w11 * p11[2])
            linear[y, x, 0] = red * share_of_sample
            linear[y, x, 1] = green * share_of_sample
            linear[y, x, 2] = blue * share_of_sample


@compiled
@no_type_check
def develop(linear, table, grain, key, frame, out):
    """Linear light to sRGB grey levels, with grain, rounded."""
    key = mix(np.uint32(key ^ np.uint32(frame)))
    for y in range(linear.shape[0]):
        row = mix(np.uint32(key ^ np.uint32(y)))
        for x in range(linear.shape[1]):
            for c in range(3):
                tone = min(max(linear[y, x, c], ZERO), ONE) * TOP
                step = np.int64(tone)
                level = table[step] + (tone - np.float32(step)) * (table[step + 1] - table[step])
                noise = np.int64(mix(np.uint32(row ^ np.uint32(3 * x + c))) >> np.uint32(9))
                level += np.float32(2 * noise + 1 - 8388608) * GRAIN_STEP * grain
                out[y, x, c] = np.uint8(min(max(math.floor(level + HALF), 0), 255))


@compiled
@no_type_check
def draw_frame(
    positions, focal, centre_x, centre_y, triangles, uv, kind, occlusion, texture, direction,
    colour, sky, ground, picture, corner, wrinkles, grain, key, frame, supersample, table, out,
):  # fmt: skip
    """One frame, from vertices to bytes; False where a vertex has no place in a picture."""
    vertices = positions.shape[0]
    height, width = out.shape[0], out.shape[1]
    corners = np.empty((vertices, 2), np.int64)
    depth = np.empty(vertices, np.float32)
    if not project(positions, focal, centre_x, centre_y, supersample, corners, depth):
        return False
    nearest = np.zeros((height * supersample, width * supersample), np.float32)
    owner = np.full((height * supersample, width * supersample), -1, np.int32)
    cover(corners, depth, triangles, kind, uv, texture, nearest, owner)
    normals = np.empty((vertices, 3), np.float32)
    vertex_normals(positions, triangles, normals)
    linear = np.empty((height, width, 3), np.float32)
    shade(
        corners, depth, normals, triangles, uv, kind, occlusion, texture, owner, focal, centre_x,
        centre_y, supersample, direction, colour, sky, ground, wrinkles, picture, corner, linear,
    )  # fmt: skip
    develop(linear, table, grain, key, frame, out)
    return True
