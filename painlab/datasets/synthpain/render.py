"""A clip's pictures from its motion: shape, actions, pose, camera, light, then the rasteriser."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from painlab.datasets.synthpain.appearance import Body, make_body
from painlab.datasets.synthpain.head import load_head
from painlab.datasets.synthpain.pain import Motion
from painlab.datasets.synthpain.rasterise import rasterise
from painlab.datasets.synthpain.rasterise_torch import rasterise_torch
from painlab.datasets.synthpain.scene import Scene, draw_scene, place_head
from painlab.datasets.synthpain.subjects import Subject, check_clip
from painlab.datasets.synthpain.wrinkles import wrinkle_weights
from painlab.devices import choose_device
from painlab.errors import PainLabError
from painlab.typing import Float, UInt8

CHUNK = 32  # frames whose vertices are held at a time on a CPU; accelerators take a clip whole


@dataclass(frozen=True)
class Rendered:
    """The pictures of a clip, and where its head is in them.

    `landmarks` are iBUG's 68: x, y in pixels (a pixel's centre is at .5), and z in pixels at the
    face's scale, away from the camera, 0 at the skull's pivot. A point p of the head model is at
    ``rotation @ (p - PIVOT) + translation`` millimetres before the camera.
    """

    frames: UInt8[Tensor, "k height width c"]
    landmarks: Float[np.ndarray, "k 68 3"]
    rotation: Float[np.ndarray, "k 3 3"]
    translation: Float[np.ndarray, "k 3"]
    focal: Float[np.ndarray, "k"]


def render_clip(
    subject: Subject,
    motion: Motion,
    *,
    level: int,
    trial: int,
    size: int = 224,
    device: str | torch.device | None = None,
    pain: bool = True,
    supersample: int = 2,
) -> Rendered:
    """Draw one clip.

    Args:
        subject: who.
        motion: what the face and the head do, from `draw_motion` of the same level and trial.
        level: 0 to 4; with `trial` it picks the scene, no more.
        trial: which of the subject's clips of that level, from 0.
        size: pixels along both sides.
        device: the CPU unless given; "auto" takes an accelerator where there is one.
        pain: False draws the same clip with the pain's own actions left out.
        supersample: samples a pixel along each axis.

    Raises:
        PainLabError: for sizes or levels that cannot be drawn.
    """
    check_clip(level, trial)
    if size < 1:
        raise PainLabError(f"size={size}: pictures need at least one pixel along each side.")
    device = choose_device({None: "cpu", "auto": None}.get(device, device))
    body = make_body(subject)
    scene = draw_scene(subject, motion.pose, level=level, trial=trial, size=size)
    actions = motion.actions if pain else motion.without_pain
    frames, landmarks = [], []
    step = CHUNK if device.type == "cpu" else max(1, len(actions))
    for start in range(0, len(actions), step):
        chunk = slice(start, start + step)
        part = _part(scene, chunk)
        positions = place_body(body, actions[chunk], motion.gaze[chunk], part)
        landmarks.append(project_landmarks(positions, part, size))
        frames.append(
            draw_frames(
                body,
                part,
                positions,
                actions[chunk],
                size=size,
                centre=(size / 2, size / 2),
                first_frame=start,
                device=device,
                supersample=supersample,
            )
        )
    return Rendered(
        frames=torch.cat(frames),
        landmarks=np.concatenate(landmarks),
        rotation=scene.rotation,
        translation=scene.translation,
        focal=scene.focal,
    )


def place_body(
    body: Body,
    actions: Float[np.ndarray, "k actions"],
    gaze: Float[np.ndarray, "k 2"],
    scene: Scene,
) -> Float[np.ndarray, "k v xyz"]:
    """All vertices of a person, hair included, in the camera's frame, in millimetres."""
    moved = load_head().move(body.neutral, actions=actions, gaze=gaze)
    rest = body.neutral
    if body.hair is not None:
        shell = moved[:, body.hair.source] + body.hair.offset
        curtain = np.repeat(body.hair.curtain[None], len(moved), axis=0)
        moved = np.concatenate([moved, shell, curtain], axis=1)
        # hair goes with the head, also where it hangs below the chin
        high = np.minimum(body.hair.curtain, [np.inf, 0.0, np.inf]).astype(np.float32)
        rest = np.concatenate([rest, rest[body.hair.source], high])
    return place_head(moved, rest, scene)


def project_landmarks(
    positions: Float[np.ndarray, "k v xyz"], scene: Scene, size: int
) -> Float[np.ndarray, "k 68 3"]:
    """The landmark vertices in the picture."""
    points = positions[:, load_head().landmarks].astype(np.float64)
    focal = scene.focal[:, None].astype(np.float64)
    depth = scene.translation[:, None, 2].astype(np.float64)
    x = focal * points[..., 0] / points[..., 2] + size / 2
    y = focal * points[..., 1] / points[..., 2] + size / 2
    z = focal / depth * (points[..., 2] - depth)
    return np.stack([x, y, z], axis=-1).astype(np.float32)


def _part(scene: Scene, chunk: slice) -> Scene:
    """The scene of some of its frames."""
    return replace(
        scene,
        rotation=scene.rotation[chunk],
        translation=scene.translation[chunk],
        focal=scene.focal[chunk],
        light=type(scene.light)(*(array[chunk] for array in scene.light)),
        backdrop=scene.backdrop._replace(corner=scene.backdrop.corner[chunk]),
    )


def draw_frames(
    body: Body,
    scene: Scene,
    positions: Float[np.ndarray, "k v xyz"],
    actions: Float[np.ndarray, "k actions"],
    *,
    size: int,
    centre: tuple[float, float],
    device: torch.device,
    first_frame: int = 0,
    supersample: int = 2,
) -> UInt8[Tensor, "k height width c"]:
    """Pictures of placed vertices as a tensor on the device; `centre` is the optical axis."""
    common = {
        "centre": centre,
        "size": (size, size),
        "grain": scene.grain,
        "grain_seed": scene.grain_seed,
        "supersample": supersample,
        "first_frame": first_frame,
    }
    wrinkles = wrinkle_weights(actions, body.person.age)
    if device.type == "cpu":
        drawn = rasterise(
            positions, focal=scene.focal, surface=body.surface, light=scene.light,
            backdrop=scene.backdrop, wrinkles=wrinkles, **common,
        )  # fmt: skip
        return torch.from_numpy(drawn)
    there = lambda array: torch.from_numpy(np.ascontiguousarray(array)).to(device)  # noqa: E731
    return rasterise_torch(
        there(positions),
        focal=there(scene.focal),
        surface=_surface_on(body, str(device)),
        light=type(scene.light)(*map(there, scene.light)),
        backdrop=type(scene.backdrop)(*map(there, scene.backdrop)),
        wrinkles=there(wrinkles),
        **common,
    )


@lru_cache(maxsize=4)
def _surface_on(body: Body, device: str):
    """The mesh and the texture of a person on an accelerator."""
    surface = body.surface
    return type(surface)(*(torch.from_numpy(array).to(device) for array in surface))
