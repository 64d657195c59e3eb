"""What each sample looks like: loops compiled by numba. `_visibility` says how they are written."""

import math
from typing import no_type_check

import numpy as np

from painlab.datasets.synthpain import shading
from painlab.datasets.synthpain._compiled import compiled
from painlab.datasets.synthpain.shading import (
    COLOURS,
    GLOSS_SQUARINGS,
    SHADED,
    STEPS,
    TONES,
    TWO_SIDED,
    WRAP,
)

ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
TINY = np.float32(shading.TINY)
TOP = np.float32(TONES - 1)
MIDDLE = STEPS // 2
WRAP_R, WRAP_G, WRAP_B = (np.float32(w) for w in WRAP)
WRAPPED_R, WRAPPED_G, WRAPPED_B = (np.float32(1 / (1 + w)) for w in WRAP)
DARK, OPEN = np.float32(SHADED), np.float32(1 - SHADED)
GRAIN_STEP = np.float32(2.0**-23)


@compiled
@no_type_check
def mix(x):
    """`shading.mix` on uint32."""
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x21F0AAAD))
    x = np.uint32((x ^ (x >> np.uint32(15))) * np.uint32(0x735A2D97))
    return np.uint32(x ^ (x >> np.uint32(15)))


@compiled
@no_type_check
def neighbours(x, y, width, height):
    """The four pixels around a place (in pixels from the first one's centre) and their shares."""
    x = min(max(x, ZERO), np.float32(width - 1))
    y = min(max(y, ZERO), np.float32(height - 1))
    x0, y0 = np.int64(x), np.int64(y)
    right, low = x - np.float32(x0), y - np.float32(y0)
    left, high = ONE - right, ONE - low
    x1, y1 = np.uintp(min(x0 + 1, width - 1)), np.uintp(min(y0 + 1, height - 1))
    return np.uintp(x0), np.uintp(y0), x1, y1, high * left, high * right, low * left, low * right


@compiled
@no_type_check
def unit(x, y, z):
    """1 / length of a vector."""
    return ONE / math.sqrt(max(x * x + y * y + z * z, TINY))


@compiled
@no_type_check
def illuminate(nx, ny, nz, vx, vy, vz, nv, open_, gloss, direction, colour, sky, ground):
    """Light that a surface scatters and light that it mirrors: two times red, green, blue."""
    up, reached = HALF - HALF * ny, DARK + OPEN * open_
    lit_r = (ground[0] + (sky[0] - ground[0]) * up) * open_
    lit_g = (ground[1] + (sky[1] - ground[1]) * up) * open_
    lit_b = (ground[2] + (sky[2] - ground[2]) * up) * open_
    shine_r = shine_g = shine_b = ZERO
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
            shine = gloss * nh * open_
            shine_r += shine * colour[i, 0]
            shine_g += shine * colour[i, 1]
            shine_b += shine * colour[i, 2]
    return lit_r, lit_g, lit_b, shine_r, shine_g, shine_b


@compiled
@no_type_check
def shade(
    corners, depth, normals, triangles, uv, kind, occlusion, texture, owner, focal, centre_x,
    centre_y, supersample, direction, colour, sky, ground, wrinkles, picture, corner, linear,
):  # fmt: skip
    """The mean linear colour of each pixel's samples; empty ones show the backdrop."""
    fine = ONE / np.float32(supersample)
    used = np.flatnonzero(wrinkles)
    last, sign = np.int32(-1), np.int64(1)
    a = b = c = triangle = np.uintp(0)
    ax = ay = bx = by = cx = cy = np.int64(0)
    wa = wb = wc = ZERO
    for y in range(linear.shape[0]):
        for x in range(linear.shape[1]):
            red = green = blue = empty = ZERO
            for sample in range(supersample * supersample):
                down = sample // supersample
                sy, sx = y * supersample + down, x * supersample + sample - down * supersample
                t = owner[np.uintp(sy), np.uintp(sx)]
                if t < 0:
                    empty += ONE
                    continue
                if t != last:  # neighbours mostly see the same triangle
                    last, triangle = t, np.uintp(t)
                    a = np.uintp(triangles[triangle, 0])
                    b = np.uintp(triangles[triangle, 1])
                    c = np.uintp(triangles[triangle, 2])
                    ax, ay = corners[a, 0], corners[a, 1]
                    bx, by = corners[b, 0], corners[b, 1]
                    cx, cy = corners[c, 0], corners[c, 1]
                    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
                    sign = np.int64(1) if area > 0 else np.int64(-1)
                    share = ONE / np.float32(sign * area)
                    wa, wb, wc = depth[a] * share, depth[b] * share, depth[c] * share
                # how much of each corner shows, with perspective: as in `_visibility.cover`
                px, py = sx * STEPS + MIDDLE, sy * STEPS + MIDDLE
                ea = sign * ((cx - bx) * (py - by) - (cy - by) * (px - bx))
                eb = sign * ((ax - cx) * (py - cy) - (ay - cy) * (px - cx))
                ec = sign * ((bx - ax) * (py - ay) - (by - ay) * (px - ax))
                fa, fb, fc = np.float32(ea) * wa, np.float32(eb) * wb, np.float32(ec) * wc
                near = ONE / (fa + fb + fc)
                fa, fb, fc = fa * near, fb * near, fc * near

                # towards the camera: the way back along the sample's ray
                vx = centre_x - (np.float32(sx) + HALF) * fine
                vy = centre_y - (np.float32(sy) + HALF) * fine
                shrink = unit(vx, vy, -focal)
                vx, vy, vz = vx * shrink, vy * shrink, -focal * shrink
                nx = fa * normals[a, 0] + fb * normals[b, 0] + fc * normals[c, 0]
                ny = fa * normals[a, 1] + fb * normals[b, 1] + fc * normals[c, 1]
                nz = fa * normals[a, 2] + fb * normals[b, 2] + fc * normals[c, 2]
                shrink = unit(nx, ny, nz)
                nv = (nx * vx + ny * vy + nz * vz) * shrink
                if kind[triangle] & TWO_SIDED and nv < ZERO:
                    shrink, nv = -shrink, -nv
                nx, ny, nz = nx * shrink, ny * shrink, nz * shrink

                u = fa * uv[triangle, 0, 0] + fb * uv[triangle, 1, 0] + fc * uv[triangle, 2, 0]
                v = fa * uv[triangle, 0, 1] + fb * uv[triangle, 1, 1] + fc * uv[triangle, 2, 1]
                rows, cols = texture.shape[0], texture.shape[1]
                x0, y0, x1, y1, w00, w01, w10, w11 = neighbours(
                    u * np.float32(cols) - HALF, v * np.float32(rows) - HALF, cols, rows
                )
                p, q, r, s = texture[y0, x0], texture[y0, x1], texture[y1, x0], texture[y1, x1]
                gloss = w00 * p[3] + w01 * q[3] + w10 * r[3] + w11 * s[3]
                crease = ZERO
                for i in used:
                    j = np.uintp(COLOURS + i)
                    crease += wrinkles[i] * (w00 * p[j] + w01 * q[j] + w10 * r[j] + w11 * s[j])
                smooth = max(ONE - crease, ZERO)

                open_ = fa * occlusion[a] + fb * occlusion[b] + fc * occlusion[c]
                lit_r, lit_g, lit_b, shine_r, shine_g, shine_b = illuminate(
                    nx, ny, nz, vx, vy, vz, nv, open_, gloss, direction, colour, sky, ground
                )
                albedo = (w00 * p[0] + w01 * q[0] + w10 * r[0] + w11 * s[0]) * smooth
                red += albedo * lit_r + shine_r
                albedo = (w00 * p[1] + w01 * q[1] + w10 * r[1] + w11 * s[1]) * smooth
                green += albedo * lit_g + shine_g
                albedo = (w00 * p[2] + w01 * q[2] + w10 * r[2] + w11 * s[2]) * smooth
                blue += albedo * lit_b + shine_b
            if empty > ZERO:
                rows, cols = picture.shape[0], picture.shape[1]
                x0, y0, x1, y1, w00, w01, w10, w11 = neighbours(
                    corner[0] + np.float32(x), corner[1] + np.float32(y), cols, rows
                )
                p, q, r, s = picture[y0, x0], picture[y0, x1], picture[y1, x0], picture[y1, x1]
                red += empty * (w00 * p[0] + w01 * q[0] + w10 * r[0] + w11 * s[0])
                green += empty * (w00 * p[1] + w01 * q[1] + w10 * r[1] + w11 * s[1])
                blue += empty * (w00 * p[2] + w01 * q[2] + w10 * r[2] + w11 * s[2])
            linear[y, x, 0] = red * (fine * fine)
            linear[y, x, 1] = green * (fine * fine)
            linear[y, x, 2] = blue * (fine * fine)


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
