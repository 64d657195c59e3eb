"""The similarity transform that brings a face upright, to the middle and to one size.

A similarity turns, scales by one factor and moves: it cannot shear or squeeze a face. Places are
pixel indices: (0, 0) is the middle of the pixel at the top left.
"""

import math

import numpy as np

from painlab.alignment.pose import (
    LEFT_EYE,
    RIGHT_EYE,
    fit_pose,
    load_template,
    rotation_angles,
)
from painlab.typing import Float, UInt8

FIELD = 200.0  # millimetres of an average head across the aligned picture: hairline to chin
EYE_LEVEL = 0.40  # height of the eye line, as a share of the picture from its top
DEPTH = 15.0  # millimetres behind the eyes of the axis that stays in the middle when a head turns


def similarity(
    *, turn: float, zoom: float, place: Float[np.ndarray, "2"], target: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "2 3"]:
    """The transform that turns by ``-turn`` radians, zooms, and takes ``place`` to ``target``.

    ``A = zoom [[cos, sin], [-sin, cos]]`` and ``t = target - A place``; a point x goes to A x + t.
    """
    cos, sin = zoom * math.cos(turn), zoom * math.sin(turn)
    linear = np.array([[cos, sin], [-sin, cos]])
    return np.column_stack([linear, target - linear @ place])


def eye_target(size: int) -> Float[np.ndarray, "2"]:
    """The pixel of an aligned picture that lies midway between the eyes of a frontal face."""
    return np.array([0.5, EYE_LEVEL]) * size - 0.5


def similarity_2d(landmarks: Float[np.ndarray, "68 xyz"], *, size: int) -> Float[np.ndarray, "2 3"]:
    """Alignment by the two eyes in the picture: the 2D approach that the paper warns about.

    The eyes go to the places that they have in a frontal face. A turned head shows its eyes
    closer together, by cos(yaw), and is enlarged by 1 / cos(yaw).
    """
    left, right = landmarks[LEFT_EYE, :2].mean(0), landmarks[RIGHT_EYE, :2].mean(0)
    across = right - left
    points = load_template().points
    apart = float(points[RIGHT_EYE, 0].mean() - points[LEFT_EYE, 0].mean())  # millimetres
    return similarity(
        turn=math.atan2(across[1], across[0]),
        zoom=apart * size / FIELD / math.hypot(*across),
        place=(left + right) / 2,
        target=eye_target(size),
    )


def similarity_3d(landmarks: Float[np.ndarray, "68 3"], *, size: int) -> Float[np.ndarray, "2 3"]:
    """Alignment by the head in space, the paper's approach: turning leaves size and place alone.

    The zoom comes from the scale of the fitted head, not from the distance between its eyes in
    the picture. The eye line keeps its height. From left to right the middle is not the middle
    between the eyes but a point `DEPTH` millimetres behind it: a head turned by yaw shows its
    eyes ``DEPTH sin(yaw)`` to one side of that.
    """
    pose = fit_pose(landmarks)
    yaw, _, roll = np.radians(rotation_angles(pose.rotation))
    aside = pose.scale * DEPTH * math.sin(yaw) * np.array([math.cos(roll), math.sin(roll)])
    return similarity(
        turn=roll,
        zoom=size / FIELD / pose.scale,
        place=pose.origin[:2] + aside,
        target=eye_target(size),
    )


def transform_points(
    points: Float[np.ndarray, "... 2"], transform: Float[np.ndarray, "2 3"]
) -> Float[np.ndarray, "... 2"]:
    """Carry points through a transform."""
    return points @ transform[:, :2].T + transform[:, 2]


def invert(transform: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "2 3"]:
    """The transform that leads back."""
    linear = np.linalg.inv(transform[:, :2])
    return np.column_stack([linear, -linear @ transform[:, 2]])


def warp_frame(
    frame: UInt8[np.ndarray, "height width c"], transform: Float[np.ndarray, "2 3"], *, size: int
) -> UInt8[np.ndarray, "size size c"]:
    """The square picture that a transform makes of a frame; black where it looks outside.

    Where the transform shrinks, each pixel is the mean of n × n samples, n = ceil(1 / zoom) and
    at most 8: taking one sample a pixel would turn fine texture into noise.
    """
    import cv2

    zoom = math.sqrt(abs(np.linalg.det(transform[:, :2])))
    n = min(8, math.ceil(1 / zoom - 1e-3))
    finer = transform * n
    finer[:, 2] += (
        n - 1
    ) / 2  # the middle of pixel i is the middle of the samples n i to n i + n - 1
    picture = cv2.warpAffine(frame, finer, (n * size, n * size), flags=cv2.INTER_LINEAR)
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) if n > 1 else picture
