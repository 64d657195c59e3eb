"""What a picture is drawn from, and the constants that both rasterisers share.

The camera's frame has x to the image's right, y down and z away from the camera, in millimetres.
Colours are linear; sRGB comes last.
"""

from typing import NamedTuple

import numpy as np

from painlab.errors import PainLabError
from painlab.typing import Float, Int, UInt8

TWO_SIDED, CUT_OUT = 1, 2  # bits of Surface.kind
COLOURS = 5  # red, green, blue, gloss, opacity; what follows in a texture are wrinkle maps
STEPS = 256  # corners are moved to a grid of so many steps a sample: edges are then exact integers
FARTHEST = 1 << 20  # samples from the frame's corner: beyond it the integers would overflow
WRAP = (0.35, 0.22, 0.18)  # light reaches so far behind the terminator: skin lets red through most
SHADED = 0.4  # share of a light that occluded places still receive
GLOSS_SQUARINGS = 5  # (n·h) to the power 2^5 = 32
TONES = 4096  # entries of the sRGB table


class Surface(NamedTuple):
    """The triangles and what they look like.

    Seen from outside the corners of a triangle go round counter-clockwise, as in OBJ files: with
    y down and z away from the camera, `cross(b - a, c - a)` points outwards.
    """

    triangles: Int[np.ndarray, "tri 3"]  # rows of positions, int32
    uv: Float[np.ndarray, "tri 3 2"]  # of each corner; (0, 0) is the texture's top left edge
    kind: UInt8[np.ndarray, "tri"]  # bits: 1 seen from both sides, 2 cut out where opacity < 0.5
    occlusion: Float[np.ndarray, "v"]  # share of the ambient light that arrives, 0 to 1
    texture: Float[np.ndarray, "height width c"]  # COLOURS, then one map a wrinkle


class Light(NamedTuple):
    """Lamps at infinity and a sky over a ground, for each frame."""

    direction: Float[np.ndarray, "k lights 3"]  # unit vectors towards the lamps, camera's frame
    colour: Float[np.ndarray, "k lights 3"]
    sky: Float[np.ndarray, "k 3"]  # ambient light from straight above
    ground: Float[np.ndarray, "k 3"]  # and from straight below


class Backdrop(NamedTuple):
    """A picture behind everything; the frame is a window in it."""

    picture: Float[np.ndarray, "height width 3"]
    corner: Float[np.ndarray, "k 2"]  # x, y in the picture of the frame's top left pixel


def srgb_table() -> Float[np.ndarray, "tones"]:
    """Linear light 0..1 in TONES even steps, as sRGB grey levels 0 to 255 (IEC 61966-2-1).

    The last entry is there twice, so that interpolating at 1 finds a neighbour.
    """
    linear = np.linspace(0, 1, TONES)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.append(255 * curve, 255.0).astype(np.float32)


def grain_key(seed: int) -> int:
    """32 bits from a seed of any size, to begin the grain's hash with."""
    if seed < 0:
        raise PainLabError(f"grain_seed={seed}: give a whole number from 0 on.")
    key = 0
    while seed:
        key = mix((key ^ seed) & 0xFFFFFFFF)
        seed >>= 32
    return key


def mix(x: int) -> int:
    """One round of a 32-bit integer hash: every bit of x moves half of the result's."""
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x735A2D97) & 0xFFFFFFFF
    return x ^ (x >> 15)


def check_scene(positions, focal, size, surface, light, backdrop, wrinkles, grain, supersample):
    """The arrays of a call, C-ordered and of the rasteriser's types, after a look at their shapes.

    Raises:
        PainLabError: naming the argument whose shape or values do not fit.
    """
    if min(size) < 1 or supersample < 1:
        raise PainLabError(f"size={size}, supersample={supersample}: give whole numbers above 0.")
    if not grain >= 0:
        raise PainLabError(f"grain={grain}: give grey levels from 0 on.")
    positions = _array(positions, np.float32)
    surface = Surface(
        _array(surface.triangles, np.int32),
        _array(surface.uv, np.float32),
        _array(surface.kind, np.uint8),
        _array(surface.occlusion, np.float32),
        _array(surface.texture, np.float32),
    )
    light = Light(*(_array(part, np.float32) for part in light))
    backdrop = Backdrop(*(_array(part, np.float32) for part in backdrop))
    focal, wrinkles = _array(focal, np.float32), _array(wrinkles, np.float32)
    k, v, tri = len(positions), positions.shape[1], len(surface.triangles)
    lights = light.direction.shape[1] if light.direction.ndim == 3 else 0
    maps = surface.texture.shape[-1] - COLOURS
    for name, array, shape in (
        ("positions", positions, (k, v, 3)),
        ("focal", focal, (k,)),
        ("surface.triangles", surface.triangles, (tri, 3)),
        ("surface.uv", surface.uv, (tri, 3, 2)),
        ("surface.kind", surface.kind, (tri,)),
        ("surface.occlusion", surface.occlusion, (v,)),
        ("surface.texture", surface.texture, (*surface.texture.shape[:2], COLOURS + maps)),
        ("light.direction", light.direction, (k, lights, 3)),
        ("light.colour", light.colour, (k, lights, 3)),
        ("light.sky", light.sky, (k, 3)),
        ("light.ground", light.ground, (k, 3)),
        ("backdrop.picture", backdrop.picture, (*backdrop.picture.shape[:2], 3)),
        ("backdrop.corner", backdrop.corner, (k, 2)),
        ("wrinkles", wrinkles, (k, maps)),
    ):
        if array.shape != shape:
            raise PainLabError(f"{name} is {array.shape}: it must be {shape} to fit the rest.")
    if maps < 0:
        raise PainLabError(f"surface.texture has {maps + COLOURS} channels: at least {COLOURS}.")
    corners = surface.triangles
    if tri and (corners.min() < 0 or corners.max() >= v):
        raise PainLabError(
            f"surface.triangles names vertex {max(corners.max(), -corners.min())}, of {v} vertices."
        )
    if not np.isfinite(surface.uv).all():
        raise PainLabError("surface.uv has places that are no finite numbers; give 0 to 1.")
    if not np.isfinite(backdrop.corner).all():
        raise PainLabError("backdrop.corner has places that are no finite numbers; give pixels.")
    return positions, focal, surface, light, backdrop, wrinkles


def refuse_place(frame: int):
    """Say that a frame has a vertex that no picture can show."""
    raise PainLabError(
        f"positions: frame {frame} has a vertex that is not in front of the camera, or so near "
        "the camera's plane that it falls far outside the picture; move the head away (z grows)."
    )


def _array(values, kind) -> np.ndarray:
    """As numba's loops were compiled for: C order, writable, of that type."""
    return np.require(values, kind, ["C", "W"])
