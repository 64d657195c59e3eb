"""Single pictures of heads under any pose, light and expression, to train networks on.

Unlike a clip of `SynthPain`, a portrait has no story: pose and facial actions are drawn wide and at
random, and the camera is set so that the face comes out cropped as a network wants it.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from painlab.alignment.embedded import loose_crop
from painlab.alignment.pose import rotation_angles, rotation_matrix
from painlab.alignment.warp import similarity_3d
from painlab.datasets.synthpain.actions import ACTIONS, columns
from painlab.datasets.synthpain.appearance import make_body
from painlab.datasets.synthpain.head import PIVOT, load_head
from painlab.datasets.synthpain.render import draw_frames, place_body
from painlab.datasets.synthpain.scene import Scene, draw_backdrop, draw_light
from painlab.datasets.synthpain.subjects import draw_subject, generator
from painlab.devices import choose_device
from painlab.errors import DataError
from painlab.typing import Float, Int, UInt8

INSTANT = np.zeros(1)
TURNS = (24.0, 11.0, 9.0)  # standard deviation of yaw, pitch and roll in degrees
FARTHEST_TURN = (65.0, 32.0, 30.0)
SHAKE = (0.09, 0.05, 7.0)  # of a detector's crop: log zoom, place by the picture's side, degrees
GROUPS = tuple(dict.fromkeys(name.removesuffix("Left").removesuffix("Right") for name in ACTIONS))
UNUSED = ("eyeLook", "tongueOut", "mouthClose", "cheekPuff", "jawForward")
PAIN = {
    "browDown": 1.0, "eyeSquint": 1.0, "cheekSquint": 0.85, "noseSneer": 0.9, "mouthUpperUp": 0.75,
    "eyeBlink": 0.9, "jawOpen": 0.4, "mouthStretch": 0.6,
}  # fmt: skip


@dataclass(frozen=True)
class Portraits:
    """Pictures and what is true of them.

    `landmarks` are pixel indices (0, 0 is the middle of the top left pixel) with z in pixels,
    `angles` yaw, pitch and roll as of `painlab.alignment.pose`, `identity` numbers people from 0.
    """

    images: UInt8[Tensor, "b height width c"]
    landmarks: Float[Tensor, "b 68 3"]
    actions: Float[Tensor, "b actions"]
    angles: Float[Tensor, "b 3"]
    identity: Int[Tensor, "b"]


def draw_portraits(
    identity: int,
    *,
    seed: int,
    count: int,
    size: int,
    crop: str = "aligned",
    first: int = 0,
    device: str | torch.device = "cpu",
) -> Portraits:
    """Pictures of one person; each follows from (seed, identity, its number) alone.

    They come one after another, so that an accelerator has little to do at a time: where many are
    wanted, processes on the CPU draw them (`painlab.training.rendered`).

    Args:
        identity: who, from 0: subject `identity` of SynthPain's seed `seed`.
        seed: take another than the data set's that is tested on, and the people are others.
        count: how many pictures.
        size: pixels of a side.
        crop: "aligned" as `FaceAligner` gives faces, "loose" as a detector's box does.
        first: the number of the first picture.
        device: where the pictures are drawn; what is given is on the CPU. Devices differ by a grey
            level in a few pixels.

    Raises:
        DataError: for another crop.
        PainLabError: where this machine has no such device.
    """
    if crop not in ("aligned", "loose"):
        raise DataError(f'crop={crop!r} is not known; use "aligned" or "loose".')
    device = choose_device(device)
    body = make_body(draw_subject(seed, identity))
    drawn = [_portrait(body, seed, identity, first + i, size, crop, device) for i in range(count)]
    images, landmarks, actions, angles = (np.stack(parts) for parts in zip(*drawn, strict=True))
    return Portraits(
        images=torch.from_numpy(images),
        landmarks=torch.from_numpy(landmarks.astype(np.float32)),
        actions=torch.from_numpy(actions.astype(np.float32)),
        angles=torch.from_numpy(angles.astype(np.float32)),
        identity=torch.full((count,), identity),
    )


def draw_expression(rng: np.random.Generator) -> Float[np.ndarray, "actions"]:
    """Facial actions at random: at rest, a few of any kind, or a face in pain."""
    actions = np.zeros(len(ACTIONS), np.float32)
    kind = rng.random()
    if kind < 0.12:
        return actions
    if kind < 0.45:
        strength = rng.uniform(0.2, 1.0)
        for name, weight in PAIN.items():
            _act(actions, name, strength * weight * rng.uniform(0.3, 1.2), rng)
    chosen = [g for g in GROUPS if not g.startswith(UNUSED)]
    for name in rng.choice(chosen, size=rng.integers(1, 5), replace=False):
        _act(actions, str(name), rng.beta(1.2, 1.6), rng)
    if rng.random() < 0.12:
        _act(actions, "eyeBlink", 1.0, rng)
    return np.clip(actions, 0.0, 1.0)


def _act(actions, name: str, strength: float, rng) -> None:
    """Add an action, its two halves about alike, now and then only one."""
    at = columns(name)
    share = np.clip(rng.normal(1.0, 0.08, len(at)), 0, 1.2)
    if len(at) == 2 and name != "eyeBlink" and rng.random() < 0.1:
        share[rng.integers(2)] *= 0.2
    actions[at] += (strength * share).astype(np.float32)


def _portrait(body, seed, identity, number, size, crop, device):
    """One picture, its landmarks, actions and angles."""
    rng = generator(seed, "portrait", identity, trial=number)
    actions = draw_expression(rng)[None]
    gaze = np.clip(rng.normal(0, (9, 6), (1, 2)), -25, 25).astype(np.float32)
    angles = np.clip(rng.normal(0, TURNS), np.negative(FARTHEST_TURN), FARTHEST_TURN)
    rotation = rotation_matrix(angles)
    distance = rng.uniform(450, 1300)
    pivot = np.array([0.0, 0.0, distance]) + PIVOT
    # shoulders follow the head a third of the way
    tilt = rotation_matrix(angles * [0.35, 0.35, 0.2])
    scene = Scene(
        rotation=rotation[None].astype(np.float32),
        translation=pivot[None].astype(np.float32),
        body_translation=pivot.astype(np.float32),
        tilt=tilt.astype(np.float32),
        focal=np.full(1, distance, np.float32),  # a pixel a millimetre, for the time being
        light=draw_light(INSTANT, rng),
        backdrop=draw_backdrop(INSTANT, rng, size),
        grain=float(rng.uniform(0.5, 3.0)),
        grain_seed=int(rng.integers(2**31)),
    )
    positions = place_body(body, actions, gaze, scene)
    points = positions[0, load_head().landmarks].astype(np.float64)
    seen = distance * points[:, :2] / points[:, 2:]
    landmarks = np.column_stack([seen, points[:, 2] - distance])
    frame = _frame(landmarks.astype(np.float32), size, crop, rng)
    rolled, zoom, centre = look_through(frame, positions)
    zoomed = replace(scene, focal=scene.focal * np.float32(zoom))
    drawn = draw_frames(body, zoomed, rolled, actions, size=size, centre=centre, device=device)
    image = drawn[0].cpu().numpy()
    places = seen @ frame[:, :2].T + frame[:, 2]
    landmarks = np.column_stack([places, zoom * landmarks[:, 2]])
    return image, landmarks, actions[0], rotation_angles(rotation)


def look_through(
    frame: Float[np.ndarray, "2 3"], positions: Float[np.ndarray, "k v xyz"]
) -> tuple[Float[np.ndarray, "k v xyz"], float, tuple[float, float]]:
    """A similarity of the picture, made by the camera: it rolls, zooms and looks past the middle.

    Gives the rolled positions, what the focal length is multiplied by, and the optical axis in the
    picture (x, y, pixel centres at .5).
    """
    zoom = float(np.hypot(*frame[0, :2]))
    rolled = positions.copy()
    for axis in range(2):
        a, b = np.float32(frame[axis, :2] / zoom)
        rolled[..., axis] = a * positions[..., 0] + b * positions[..., 1]
    return rolled, zoom, (float(frame[0, 2]) + 0.5, float(frame[1, 2]) + 0.5)


def _frame(landmarks, size: int, crop: str, rng) -> Float[np.ndarray, "2 3"]:
    """The similarity from the nominal camera's pixels to the picture's."""
    if crop == "aligned":
        exact = similarity_3d(landmarks, size=size)
        shake = rng.normal(0, (0.02, 0.01, 0.01, 1.2))
    else:
        exact = loose_crop(landmarks, size=size)
        shake = rng.normal(0, (SHAKE[0], SHAKE[1], SHAKE[1], SHAKE[2]))
    cos, sin = (np.exp(shake[0]) * f(np.radians(shake[3])) for f in (np.cos, np.sin))
    shaken = np.array([[cos, -sin], [sin, cos]])
    middle = np.full(2, size / 2 - 0.5)
    linear = shaken @ exact[:, :2]
    place = shaken @ (exact[:, 2] - middle) + middle + shake[1:3] * size
    return np.column_stack([linear, place])
