"""Drawing triangles on the CPU: the whole shading model of SynthPain's pictures.

A z-buffer finds the nearest triangle of each sample, then each visible sample is shaded once.
numba compiles the loops; the first call of an installation takes some seconds, later processes
read the compiled code from numba's cache.
"""

import functools
import logging
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import torch

from painlab.datasets.synthpain.rasterise_torch import rasterise_torch
from painlab.datasets.synthpain.shading import (
    Backdrop,
    Light,
    Surface,
    check_scene,
    grain_key,
    refuse_place,
    srgb_table,
)
from painlab.typing import Float, UInt8

__all__ = ["Backdrop", "Light", "Surface", "rasterise"]

logger = logging.getLogger("painlab")


def rasterise(
    positions: Float[np.ndarray, "k v 3"],
    *,
    focal: Float[np.ndarray, "k"],
    centre: tuple[float, float],
    size: tuple[int, int],
    surface: Surface,
    light: Light,
    backdrop: Backdrop,
    wrinkles: Float[np.ndarray, "k w"],
    grain: float,
    grain_seed: int,
    supersample: int = 2,
    first_frame: int = 0,
    threads: int | None = None,
) -> UInt8[np.ndarray, "k height width 3"]:
    """Draw a clip. The same bytes on any number of threads, and for any part of the clip.

    A pinhole camera: x_pixel = focal * x / z + centre x, pixel centres at .5. A sample in a
    triangle has the unit normal n (from the vertices', which are the triangles' weighted by area),
    the unit vector v to the camera, ambient light a that arrives, and of the texture a colour, a
    gloss and wrinkle maps:

    - albedo = colour * max(0, 1 - sum of wrinkles * maps)
    - ambient = (ground + (sky - ground) * (0.5 - 0.5 n_y)) * a
    - diffuse = max(0, (n·l + wrap) / (1 + wrap)) * (0.4 + 0.6 a) for each light l, with a wrap for
      each colour channel
    - specular = gloss * max(0, n·h)^32 * a where n·l > 0, h halfway between l and v
    - colour = albedo * (ambient + sum of diffuse * light) + sum of specular * light

    The mean of a pixel's samples in linear light becomes sRGB; grain is added; the sum is rounded.
    Without numba the torch version draws instead (at most a grey level apart nearly everywhere,
    several times slower on a CPU), which is said once.

    Args:
        positions: vertices in the camera's frame, millimetres, all of them before the camera.
        focal: pixels, for each frame.
        centre: x, y in pixels of the optical axis.
        size: height, width of the picture.
        surface: the triangles and what they look like.
        light: lamps, sky and ground of each frame.
        backdrop: what shows where no triangle is.
        wrinkles: how strongly each of the texture's wrinkle maps darkens.
        grain: the noise is uniform within so many grey levels either way.
        grain_seed: together with the frame's number, the pixel and the channel, all the noise.
        supersample: samples a pixel along each axis.
        first_frame: the number within the clip of the first frame here.
        threads: frames drawn at a time; if None, as many as torch computes with.

    Raises:
        PainLabError: where shapes do not fit each other, triangles name vertices that are not
            there, or a vertex is not before the camera.
    """
    if (loops := compiled_loops()) is None:
        return rasterise_torch(
            torch.from_numpy(_array(positions, "float32")),
            focal=torch.from_numpy(_array(focal, "float32")),
            centre=centre,
            size=size,
            surface=surface,
            light=light,
            backdrop=backdrop,
            wrinkles=torch.from_numpy(_array(wrinkles, "float32")),
            grain=grain,
            grain_seed=grain_seed,
            supersample=supersample,
            first_frame=first_frame,
        ).numpy()
    positions, focal, surface, light, backdrop, wrinkles = check_scene(
        positions,
        focal=focal,
        size=size,
        surface=surface,
        light=light,
        backdrop=backdrop,
        wrinkles=wrinkles,
        grain=grain,
        supersample=supersample,
        convert=_array,
    )
    (visibility, lighting), key = loops, grain_key(grain_seed)
    out = np.empty((len(positions), *size, 3), np.uint8)
    fine = (size[0] * supersample, size[1] * supersample)
    table, centre_x, centre_y = srgb_table(), np.float32(centre[0]), np.float32(centre[1])
    vertices = positions.shape[1]

    def draw(i: int) -> bool:
        corners, depth = np.empty((vertices, 2), np.int64), np.empty(vertices, np.float32)
        if not visibility.project(
            positions[i], focal[i], centre_x, centre_y, supersample, corners, depth
        ):
            return False
        nearest, owner = np.zeros(fine, np.float32), np.full(fine, -1, np.int32)
        visibility.cover(
            corners, depth, surface.triangles, surface.kind, surface.uv, surface.texture,
            nearest, owner,
        )  # fmt: skip
        normals = np.empty((vertices, 3), np.float32)
        visibility.vertex_normals(positions[i], surface.triangles, normals)
        linear = np.empty((*size, 3), np.float32)
        lighting.shade(
            corners, depth, normals, surface.triangles, surface.uv, surface.kind,
            surface.occlusion, surface.texture, owner, focal[i], centre_x, centre_y, supersample,
            light.direction[i], light.colour[i], light.sky[i], light.ground[i], wrinkles[i],
            backdrop.picture, backdrop.corner[i], linear,
        )  # fmt: skip
        lighting.develop(linear, table, np.float32(grain), np.uint32(key), first_frame + i, out[i])
        return True

    threads = threads or torch.get_num_threads()
    if threads == 1 or len(positions) == 1:
        drawn = [draw(i) for i in range(len(positions))]
    else:
        with ThreadPoolExecutor(threads) as pool:
            drawn = list(pool.map(draw, range(len(positions))))
    for i, well in enumerate(drawn):
        if not well:
            refuse_place(first_frame + i)
    return out


@functools.cache
def compiled_loops() -> tuple[ModuleType, ModuleType] | None:
    """Visibility and lighting, or None where there is no numba, which is said once."""
    try:
        from painlab.datasets.synthpain import _lighting, _visibility
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        logger.warning(
            "numba is not installed: SynthPain's pictures are drawn by torch, several times "
            "slower on a CPU; `pip install numba` changes that."
        )
        return None
    return _visibility, _lighting


def _array(values, kind: str) -> np.ndarray:
    """As the loops are compiled for: C order, writable, of that type."""
    return np.require(values, kind, ["C", "W"])
