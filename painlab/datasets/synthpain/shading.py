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
TINY = 1e-20  # least square of a length that is divided by


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
        key = mix((key + 0x9E3779B9 ^ seed) & 0xFFFFFFFF)  # the golden ratio's bits
        seed >>= 32
    return key


def mix(x):
    """A 32-bit integer hash of whole numbers (or a tensor): each bit moves half of the result's."""
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x735A2D97) & 0xFFFFFFFF
    return x ^ (x >> 15)


def check_scene(
    positions, *, focal, size, surface, light, backdrop, wrinkles, grain, supersample, convert
):
    """The arrays of a call, each through `convert(array, type's name)`, and their shapes checked.

    Raises:
        PainLabError: naming the argument whose shape or values do not fit.
    """
    if min(size) < 1 or supersample < 1:
        raise PainLabError(f"size={size}, supersample={supersample}: give whole numbers above 0.")
    if not grain >= 0:
        raise PainLabError(f"grain={grain}: give grey levels from 0 on.")
    kinds = Surface("int32", "float32", "uint8", "float32", "float32")
    surface = Surface(*(convert(part, kind) for part, kind in zip(surface, kinds, strict=True)))
    light = Light(*(convert(part, "float32") for part in light))
    backdrop = Backdrop(*(convert(part, "float32") for part in backdrop))
    positions, focal, wrinkles = (convert(a, "float32") for a in (positions, focal, wrinkles))
    k, v, tri = len(positions), positions.shape[1], len(surface.triangles)
    lights = light.direction.shape[1]
    rows, cols, channels = surface.texture.shape
    for name, array, shape in (
        ("positions", positions, (k, v, 3)),
        ("focal", focal, (k,)),
        ("surface.triangles", surface.triangles, (tri, 3)),
        ("surface.uv", surface.uv, (tri, 3, 2)),
        ("surface.kind", surface.kind, (tri,)),
        ("surface.occlusion", surface.occlusion, (v,)),
        ("surface.texture", surface.texture, (rows, cols, max(channels, COLOURS))),
        ("light.direction", light.direction, (k, lights, 3)),
        ("light.colour", light.colour, (k, lights, 3)),
        ("light.sky", light.sky, (k, 3)),
        ("light.ground", light.ground, (k, 3)),
        ("backdrop.picture", backdrop.picture, (*backdrop.picture.shape[:2], 3)),
        ("backdrop.corner", backdrop.corner, (k, 2)),
        ("wrinkles", wrinkles, (k, channels - COLOURS)),
    ):
        if tuple(array.shape) != shape:
            raise PainLabError(
                f"{name} is {tuple(array.shape)}: to fit the rest it must be {shape}."
            )
    corners = surface.triangles
    if tri and (corners.min() < 0 or corners.max() >= v):
        raise PainLabError(
            f"surface.triangles names vertices that are not among the {v} there are."
        )
    for name, array in (("surface.uv", surface.uv), ("backdrop.corner", backdrop.corner)):
        if not (abs(array) < float("inf")).all():
            raise PainLabError(f"{name} has places that are no finite numbers; leave none.")
    return positions, focal, surface, light, backdrop, wrinkles


def refuse_place(frame: int):
    """Say that a frame has a vertex that no picture can show."""
    raise PainLabError(
        f"positions: frame {frame} has a vertex that is not in front of the camera, or so near "
        "the camera's plane that it falls far outside the picture; move the head away (z grows)."
    )
