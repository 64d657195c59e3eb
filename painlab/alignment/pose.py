"""Where a head is and which way it faces, from its 68 landmarks in three dimensions.

Axes: x to the right of the picture, y down, z away from the camera. The landmarks are those of
FAN (Bulat and Tzimiropoulos, ICCV 2017): 0 to 16 jaw, 17 to 26 brows, 27 to 35 nose, 36 to 47
eyes, 48 to 67 mouth. The left of a pair is the left one in the picture.
"""

import hashlib
from functools import cache
from typing import NamedTuple

import numpy as np

from painlab.errors import AlignmentError
from painlab.typing import Float
from painlab.weights import ASSETS

LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
# Points on bone that can be seen: nose and eye corners. Brows, mouth and chin move when a face is
# in pain and must not look like a turn of the head; hair covers temples, whose places are guesses.
RIGID = [*range(27, 36), 36, 39, 42, 45]
# The landmark on the other side of the face, for each.
MIRRORED = [
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
]  # fmt: skip


class Template(NamedTuple):
    """A head of average size, in millimetres, its origin midway between the eyes."""

    points: Float[np.ndarray, "68 3"]
    five: Float[np.ndarray, "5 3"]  # MTCNN's points: eyes, tip of the nose, corners of the mouth
    digest: str  # the beginning of the file's SHA-256


class Pose(NamedTuple):
    """A head of the template's shape set into the picture: ``scale * rotation @ x + origin``."""

    rotation: Float[np.ndarray, "3 3"]
    scale: float  # pixels a millimetre
    origin: Float[np.ndarray, "3"]  # pixels; midway between the eyes


@cache
def load_template() -> Template:
    """The 68-point head that painlab ships.

    Raises:
        AlignmentError: where the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = ASSETS / "landmarks68.safetensors"
    try:
        content = path.read_bytes()
        tensors = load(content)
        digest = hashlib.sha256(content).hexdigest()[:10]
        return Template(tensors["template"], tensors["template_five"], digest)
    except (OSError, KeyError, SafetensorError) as error:
        raise AlignmentError(
            f"{path}: the landmark template cannot be read ({error}); install painlab again."
        ) from error


def rotation_matrix(angles: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3 3"]:
    """The rotation ``Rz(roll) Ry(yaw) Rx(pitch)``, of yaw, pitch and roll in degrees.

    Yaw above 0 turns the nose to the left of the picture, pitch above 0 lowers it, roll above 0
    tilts the head clockwise. Roll comes last, so it is the angle of the line between the eyes,
    whatever the other two are: taking it away levels the eyes.
    """
    radians = np.moveaxis(np.radians(angles), -1, 0)
    (sy, sp, sr), (cy, cp, cr) = np.sin(radians), np.cos(radians)
    rows = [
        [cr * cy, cr * sy * sp - sr * cp, cr * sy * cp + sr * sp],
        [sr * cy, sr * sy * sp + cr * cp, sr * sy * cp - cr * sp],
        [-sy, cy * sp, cy * cp],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def rotation_angles(rotation: Float[np.ndarray, "... 3 3"]) -> Float[np.ndarray, "... 3"]:
    """Yaw, pitch and roll in degrees; the inverse of `rotation_matrix` for a yaw within ±90."""
    yaw = np.arcsin(np.clip(-rotation[..., 2, 0], -1, 1))
    pitch = np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2])
    roll = np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return np.degrees(np.stack([yaw, pitch, roll], -1))


def fit_pose(landmarks: Float[np.ndarray, "68 3"]) -> Pose:
    """The pose that lays the template's rigid points best over a face's.

    Minimises ``sum_j |s R x_j + o - p_j|²`` over scale s, rotation R and origin o. With both
    sets of points moved to their means and ``U S V`` the singular value decomposition of
    ``P^T X``: ``R = U D V`` and ``s = trace(S D) / sum |x|²``, where D = diag(1, 1, det(U V))
    keeps R from being a mirror image (Umeyama, IEEE TPAMI 13, 1991).
    """
    shape = load_template().points[RIGID].astype(np.float64)
    points = landmarks[RIGID].astype(np.float64)
    x, p = shape - shape.mean(0), points - points.mean(0)
    left, singular, right = np.linalg.svd(p.T @ x)
    proper = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left * proper @ right
    scale = float(singular @ proper / np.square(x).sum())
    return Pose(rotation, scale, points.mean(0) - scale * rotation @ shape.mean(0))


def head_angles(landmarks: Float[np.ndarray, "k 68 3"]) -> Float[np.ndarray, "k 3"]:
    """Yaw, pitch and roll of each face in degrees; not-a-number where its landmarks are."""
    angles = np.full((len(landmarks), 3), np.nan, np.float32)
    for i, points in enumerate(landmarks):
        if np.isfinite(points).all():
            angles[i] = rotation_angles(fit_pose(points).rotation)
    return angles
