"""Camera, light and backdrop of one clip, and the head put before that camera."""

from dataclasses import dataclass

import numpy as np

from painlab.alignment.pose import rotation_matrix
from painlab.datasets.synthpain.atlas import noise, smooth
from painlab.datasets.synthpain.curves import clip_times, slow_noise
from painlab.datasets.synthpain.head import NECK, PIVOT
from painlab.datasets.synthpain.people import linear
from painlab.datasets.synthpain.shading import Backdrop, Light
from painlab.datasets.synthpain.subjects import Subject, generator
from painlab.typing import Float

FACE = (0.62, 0.78)  # pixels a millimetre at the face in a picture of 224 pixels
REFERENCE = 224  # all lengths in pixels are given for a picture of so many
MARGIN = 12  # pixels by which the backdrop is larger than the picture, all around


@dataclass(frozen=True)
class Scene:
    """What surrounds a head in one clip.

    A point of the head lies at ``rotation @ (point - PIVOT) + translation`` before the camera,
    except where the neck holds it back.
    """

    rotation: Float[np.ndarray, "k 3 3"]
    translation: Float[np.ndarray, "k 3"]
    body_translation: Float[np.ndarray, "3"]
    tilt: Float[np.ndarray, "3 3"]
    focal: Float[np.ndarray, "k"]
    light: Light
    backdrop: Backdrop
    grain: float
    grain_seed: int


def draw_scene(
    subject: Subject, pose: Float[np.ndarray, "k 6"], *, level: int, trial: int, size: int
) -> Scene:
    """The scene of a clip; light and backdrop do not know the level's meaning, only its number."""
    rng = generator(subject.seed, "scene", subject.index, level=level, trial=trial)
    times = clip_times(len(pose))
    distance = rng.uniform(650, 1150)
    scale = rng.uniform(*FACE) * size / REFERENCE
    zoom = 1 + 0.004 * slow_noise(times, rng, curves=1, slowest=0.1, fastest=0.5)[:, 0]
    focal = scale * distance * zoom
    # the camera sits a little above or below the eyes and looks at the face
    tilt = rotation_matrix(np.array([0.0, rng.normal(-2.0, 4.0), rng.normal(0, 1.0)]))
    place = np.array([rng.normal(0, 9), rng.normal(4, 7), distance])
    rotations = tilt @ rotation_matrix(pose[:, :3].astype(np.float64))  # (k 3 3)
    pivot = place + tilt @ np.array(PIVOT)
    # pose shifts are along the camera's axes
    translation = pivot + pose[:, 3:].astype(np.float64)
    return Scene(
        rotation=rotations.astype(np.float32),
        translation=translation.astype(np.float32),
        body_translation=pivot.astype(np.float32),
        tilt=tilt.astype(np.float32),
        focal=focal.astype(np.float32),
        light=draw_light(times, rng),
        backdrop=draw_backdrop(times, rng, size),
        grain=float(rng.uniform(0.6, 2.2)),
        grain_seed=int(rng.integers(2**31)),
    )


def place_head(
    points: Float[np.ndarray, "k v xyz"], neutral: Float[np.ndarray, "v xyz"], scene: Scene
) -> Float[np.ndarray, "k v xyz"]:
    """Vertices in the camera's frame. Shoulders stay, the head turns, the neck goes between.

    Sums are written out term by term: a matrix product rounds differently with the number of
    threads, and a clip has to come out alike everywhere.
    """
    held = smooth(NECK[0], NECK[1], neutral[:, 1]).astype(np.float32)  # (v,)
    x, y, z = (points[..., axis] - np.float32(PIVOT[axis]) for axis in range(3))
    placed = np.empty_like(points)
    for axis in range(3):
        r = scene.rotation[:, axis]  # (k 3)
        free = r[:, :1] * x + r[:, 1:2] * y + r[:, 2:] * z + scene.translation[:, axis, None]
        t = scene.tilt[axis]
        still = t[0] * x + t[1] * y + t[2] * z + scene.body_translation[axis]
        placed[..., axis] = free + held * (still - free)
    return placed


def draw_light(times: Float[np.ndarray, "k"], rng: np.random.Generator) -> Light:
    """A key light in front and above, a weaker one from the other side, sky and ground."""
    k = len(times)
    side = rng.choice((-1.0, 1.0))
    turn, height = side * rng.uniform(8, 55), rng.uniform(10, 50)
    other_turn, other_height = -side * rng.uniform(35, 115), rng.uniform(-5, 35)
    drift = slow_noise(times, rng, curves=2, slowest=0.05, fastest=0.4)  # (k 2)
    direction = np.stack([
        _towards(turn + 2.0 * drift[:, 0], height + 1.5 * drift[:, 1]),
        _towards(np.full(k, other_turn), np.full(k, other_height)),
    ], axis=1)  # fmt: skip
    warmth = rng.normal(0, 0.07)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    exposure = rng.uniform(0.75, 1.02)
    contrast = rng.uniform(0.35, 0.75)  # share of the light that comes from the key
    flicker = 1 + 0.012 * slow_noise(times, rng, curves=1, slowest=0.2, fastest=3.0)[:, 0]
    key = exposure * (0.55 + 0.75 * contrast) * tint
    fill = exposure * rng.uniform(0.08, 0.4) * (2 - tint)
    sky = exposure * (0.75 - 0.5 * contrast) * np.array([0.97, 1.0, 1.05])
    ground = sky * rng.uniform(0.45, 0.75) * np.array([1.06, 1.0, 0.92])
    colour = flicker[:, None, None] * np.stack([key, fill])  # (k lights 3)
    return Light(
        direction=direction.astype(np.float32),
        colour=colour.astype(np.float32),
        sky=(flicker[:, None] * sky).astype(np.float32),
        ground=(flicker[:, None] * ground).astype(np.float32),
    )


def _towards(turn, height):
    """Unit vectors to a lamp so many degrees to the right of and above the camera."""
    turn, height = np.deg2rad(turn), np.deg2rad(height)
    flat = np.cos(height)
    return np.stack([np.sin(turn) * flat, -np.sin(height), -np.cos(turn) * flat], axis=-1)


def draw_backdrop(times: Float[np.ndarray, "k"], rng: np.random.Generator, size: int) -> Backdrop:
    """A wall with a gradient, blurred shapes out of focus, or a curtain; it shifts a little."""
    margin = MARGIN * size / REFERENCE
    extent = size + 2 * int(np.ceil(margin))
    rows, cols = np.mgrid[0:extent, 0:extent] / extent
    wall = linear(np.clip(rng.uniform(60, 215) + rng.normal(0, 9, 3), 10, 235))
    slope = rng.normal(0, 0.35, 2)
    shade = np.exp(slope[0] * (rows - 0.5) + slope[1] * (cols - 0.5))
    picture = wall * shade[..., None]
    for _ in range(rng.integers(0, 5)):
        colour = linear(np.clip(rng.uniform(30, 225) + rng.normal(0, 22, 3), 5, 240))
        left, top = rng.uniform(-0.3, 0.9, 2)
        right, bottom = left + rng.uniform(0.1, 0.7), top + rng.uniform(0.1, 0.9)
        blur = rng.uniform(0.008, 0.06)
        inside = smooth(left - blur, left + blur, cols) * smooth(right + blur, right - blur, cols)
        inside = inside * smooth(top - blur, top + blur, rows)
        inside = inside * smooth(bottom + blur, bottom - blur, rows)
        picture = picture + (rng.uniform(0.3, 0.9) * inside)[..., None] * (colour - picture)
    if rng.random() < 0.25:
        folds = np.sin(2 * np.pi * (cols * rng.uniform(4, 14) + 0.4 * np.sin(3 * rows)))
        picture = picture * (1 + 0.18 * folds)[..., None]
    mottled = noise(np.stack([rows, cols], -1), cell=rng.uniform(0.05, 0.3), rng=rng)
    picture = picture * (1 + 0.05 * mottled)[..., None]
    sway = slow_noise(times, rng, curves=2, slowest=0.05, fastest=0.5)  # (k 2)
    corner = np.clip(margin + 2.0 * size / REFERENCE * sway, 0, 2 * margin)
    return Backdrop(
        picture=np.clip(picture, 0.004, 0.95).astype(np.float32), corner=corner.astype(np.float32)
    )
