"""The 68 landmarks of a face, from a fit of a 3D head to MTCNN's five points.

This is what painlab uses where FAN's weights are not at hand (`painlab.alignment.fan`).
"""

import logging
from functools import cache

import numpy as np
import torch

from painlab.alignment.fan import FanLandmarks, fan_cached, fan_folder
from painlab.alignment.mtcnn import Faces
from painlab.alignment.pose import load_template
from painlab.errors import PainLabError
from painlab.typing import Float

DISTANCE = 1000.0  # millimetres from the camera to the head: a face filmed on purpose
logger = logging.getLogger("painlab")


def fit_five_points(points: Float[np.ndarray, "5 2"]) -> Float[np.ndarray, "68 3"]:
    """The template's 68 points, set where a camera would have to see its five as they are.

    A perspective-n-point problem: find rotation R and translation t with
    ``p_j = f (X/Z, Y/Z) + centre, (X, Y, Z) = R x_j + t``, for the five points x_j of the
    template (Terzakis and Lourakis, ECCV 2020; refined by Levenberg-Marquardt). The camera is
    not known: f is chosen so that the head is about a metre away. x and y are pixels of the
    picture; z is in pixels too, from the plane between the eyes, away from the camera.
    """
    import cv2

    template = load_template()
    five, points = template.five.astype(np.float64), points.astype(np.float64)
    pixels = max(_length(p) / _length(x) for p, x in zip(_spans(points), _spans(five), strict=True))
    focal, centre = DISTANCE * pixels, points.mean(0)
    camera = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]])
    _, turn, shift = cv2.solvePnP(five, points, camera, None, flags=cv2.SOLVEPNP_SQPNP)
    turn, shift = cv2.solvePnPRefineLM(five, points, camera, None, turn, shift)
    head = template.points @ cv2.Rodrigues(turn)[0].T + shift.ravel()
    flat = head[:, :2] / head[:, 2:] * focal + centre
    depth = (head[:, 2:] - shift[2]) * focal / shift[2]
    return np.hstack([flat, depth]).astype(np.float32)


def _spans(five):
    """Between the eyes, and from them down to the mouth: a turned head shortens one of them."""
    return five[1] - five[0], (five[3] + five[4] - five[0] - five[1]) / 2


def _length(span):
    return np.linalg.norm(span)


class EmbeddedLandmarks:
    """Landmarks by `fit_five_points`: needs no weights besides MTCNN's."""

    name = "embedded"

    def __call__(self, frames, faces: Faces) -> Float[np.ndarray, "k 68 3"]:
        """The landmarks of one face a frame. Only the five points count, not the pixels."""
        return np.stack([fit_five_points(points) for points in faces.points])

    def describe(self) -> dict[str, str]:
        """What a store or a model records of its landmarks."""
        return {"landmarks": self.name, "template": load_template().digest}


def landmark_source(landmarks: str, *, device: torch.device):
    """The landmarks to use: "fan", "embedded", or with "auto" FAN where its weights are cached.

    Raises:
        PainLabError: for another name, and with "fan" where FAN's weights cannot be had.
    """
    if landmarks not in ("auto", "fan", "embedded"):
        raise PainLabError(
            f'landmarks={landmarks!r} is not known; use "auto", "fan" or "embedded".'
        )
    if landmarks == "auto":
        landmarks = "fan" if fan_cached() else "embedded"
        _say_once(landmarks)
    return FanLandmarks(device=device) if landmarks == "fan" else EmbeddedLandmarks()


@cache
def _say_once(landmarks: str) -> None:
    if landmarks == "fan":
        logger.info("Landmarks: FAN, with the weights in %s.", fan_folder())
    else:
        logger.warning(
            "Landmarks: embedded (a fit to five points), because FAN's weights are not in %s; "
            'FaceAligner(landmarks="fan") downloads them.',
            fan_folder(),
        )
