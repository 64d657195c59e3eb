"""The rasteriser in batched torch: the same pictures on any device.

All frames of a chunk go through each step at once. A triangle is cut into the rows of its box, a
row into the samples that its three edges leave; each sample puts its depth and triangle, packed in
one integer, into a z-buffer that keeps the smallest. Which samples a triangle covers is decided in
whole numbers, as in `_visibility`; nothing depends on the order of execution or on the chunks.
"""

import torch
from torch import Tensor

from painlab.datasets.synthpain._torch_lighting import develop, shade
from painlab.datasets.synthpain._torch_visibility import (
    normal_rounds,
    project,
    vertex_normals,
    visible,
)
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

BYTES_A_SAMPLE = 400  # what a chunk takes at its peak


def rasterise_torch(
    positions: Float[Tensor, "k v 3"],
    *,
    focal: Float[Tensor, "k"],
    centre: tuple[float, float],
    size: tuple[int, int],
    surface: Surface,
    light: Light,
    backdrop: Backdrop,
    wrinkles: Float[Tensor, "k w"],
    grain: float,
    grain_seed: int,
    supersample: int = 2,
    first_frame: int = 0,
    chunk: int | None = None,
) -> UInt8[Tensor, "k height width 3"]:
    """Draw a clip on the device of `positions`: `rasterise`, which see, on tensors.

    Args:
        chunk: frames drawn at once; if None, as many as a part of the free memory holds.

    Raises:
        PainLabError: as `rasterise` does.
    """
    device = positions.device

    def convert(values, kind: str) -> Tensor:
        return torch.as_tensor(values, dtype=getattr(torch, kind), device=device).contiguous()

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
        convert=convert,
    )
    surface = surface._replace(triangles=surface.triangles.long())
    rounds = normal_rounds(surface.triangles, vertices=positions.shape[1])
    table = torch.from_numpy(srgb_table()).to(device)
    key = grain_key(grain_seed)
    frames = torch.empty(len(positions), *size, 3, dtype=torch.uint8, device=device)
    chunk = chunk or frames_at_once(size, supersample, device)
    for start in range(0, len(positions), chunk):
        part = slice(start, start + chunk)
        corners, depth, well = project(positions[part], focal[part], centre, supersample)
        if not well.all():
            refuse_place(first_frame + start + int(well.logical_not().nonzero()[0]))
        fragments = visible(corners, depth, surface, size=size, supersample=supersample)
        linear = shade(
            *fragments,
            normals=vertex_normals(positions[part], surface.triangles, rounds),
            focal=focal[part],
            centre=centre,
            size=size,
            surface=surface,
            light=Light(*(array[part] for array in light)),
            backdrop=backdrop._replace(corner=backdrop.corner[part]),
            wrinkles=wrinkles[part],
            supersample=supersample,
        )
        frames[part] = develop(linear, table, grain, key, first_frame + start)
    return frames


def frames_at_once(size: tuple[int, int], supersample: int, device: torch.device) -> int:
    """How many frames a chunk has: enough to fill a GPU, few enough to stay in memory."""
    if device.type == "cuda":
        memory = min(torch.cuda.mem_get_info(device)[0] // 3, 12 << 30)
    else:
        memory = 1 << 28
    return max(1, memory // (BYTES_A_SAMPLE * size[0] * size[1] * supersample**2))
