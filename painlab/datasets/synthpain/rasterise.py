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
    scene = check_scene(
        positions, focal, size, surface, light, backdrop, wrinkles, grain, supersample
    )
    key, centre = grain_key(grain_seed), (float(centre[0]), float(centre[1]))
    kernels = compiled_kernels()
    if kernels is None:
        return _draw_with_torch(
            scene, centre, size, grain, grain_seed, supersample, first_frame=first_frame
        )
    positions, focal, surface, light, backdrop, wrinkles = scene
    out = np.empty((len(positions), *size, 3), np.uint8)
    table = srgb_table()

    def draw(i: int) -> bool:
        return kernels.draw_frame(
            positions[i], focal[i], np.float32(centre[0]), np.float32(centre[1]),
            surface.triangles, surface.uv, surface.kind, surface.occlusion, surface.texture,
            light.direction[i], light.colour[i], light.sky[i], light.ground[i],
            backdrop.picture, backdrop.corner[i], wrinkles[i], np.float32(grain),
            np.uint32(key), first_frame + i, supersample, table, out[i],
        )  # fmt: skip

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
def compiled_kernels() -> ModuleType | None:
    """The compiled loops, or None where there is no numba, which is said once."""
    try:
        from painlab.datasets.synthpain import _kernels
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        logger.warning(
            "numba is not installed: SynthPain's pictures are drawn by torch, several times "
            "slower on a CPU; `pip install numba` changes that."
        )
        return None
    return _kernels


def _draw_with_torch(scene, centre, size, grain, grain_seed, supersample, *, first_frame):
    """The torch version, fed with arrays."""
    from painlab.datasets.synthpain.rasterise_torch import rasterise_torch

    positions, focal, *tuples, wrinkles = scene
    surface, light, backdrop = (type(t)(*map(torch.from_numpy, t)) for t in tuples)
    return rasterise_torch(
        torch.from_numpy(positions),
        focal=torch.from_numpy(focal),
        centre=centre,
        size=size,
        surface=surface,
        light=light,
        backdrop=backdrop,
        wrinkles=torch.from_numpy(wrinkles),
        grain=grain,
        grain_seed=grain_seed,
        supersample=supersample,
        first_frame=first_frame,
    ).numpy()
