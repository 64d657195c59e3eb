"""The 68 landmarks of a face, from a fit of a 3D head to MTCNN's five points.

It is where the network of `painlab.alignment.embedded` looks first, and what it is checked by.
"""

import numpy as np

from painlab.alignment.mtcnn import Faces
from painlab.alignment.pose import load_template, rotation_matrix
from painlab.typing import Float

DISTANCE = 1000.0  # millimetres from the camera to the head: a face filmed on purpose

# How far a face's points may be from the template's, in millimetres across and down: eyes sit
# alike in all heads, noses differ in length, and each expression moves the corners of the mouth.
SPREAD = np.array([[1.5, 1.5], [1.5, 1.5], [2.0, 3.5], [3.0, 5.0], [3.0, 5.0]])
# How far heads are usually turned, in degrees of yaw and pitch. Without it a smile, which lifts
# the corners of the mouth, would be read as a bow of the head.
USUAL = np.array([30.0, 10.0])
STEPS = 12


def project(head: Float[np.ndarray, "k 6"], shape: Float[np.ndarray, "j 3"]):
    """Points of a head as a camera `DISTANCE` away sees them: pixels, z relative to the eyes.

    ``head`` holds yaw, pitch, roll (degrees), the logarithm of the pixels a millimetre, and the
    place of the origin. A point (X, Y, Z) of the turned head is seen at
    ``scale (X, Y) / (1 + Z / DISTANCE) + place``.
    """
    turned = shape @ rotation_matrix(head[:, :3]).swapaxes(1, 2)  # k j 3
    scale = np.exp(head[:, 3])[:, None, None]
    flat = scale * turned[..., :2] / (1 + turned[..., 2:] / DISTANCE) + head[:, None, 4:]
    return np.concatenate([flat, scale * turned[..., 2:]], 2)


def fit_five_points(points: Float[np.ndarray, "k 5 2"]) -> Float[np.ndarray, "k 68 3"]:
    """The template's 68 points, set where its five look as they do in the picture.

    A perspective-n-point problem, solved for all frames at once by Gauss-Newton steps. What is
    minimised is ``sum_j |(p_j - seen_j) / spread_j|² + (yaw / 30°)² + (pitch / 10°)²``: the most
    probable head, given how much faces and poses differ. Five points say much about yaw and
    roll and little about pitch, of which about three tenths are lost.
    """
    template = load_template()
    across, down = points[:, 1] - points[:, 0], (points[:, 3:].mean(1) - points[:, :2].mean(1))
    known = template.five[1, 0] - template.five[0, 0], template.five[3, 1] - template.five[0, 1]
    # Turning shortens one of the two spans, so the longer one tells the size.
    scale = np.maximum(np.hypot(*across.T) / known[0], np.hypot(*down.T) / known[1])
    roll = np.arctan2(across[:, 1], across[:, 0])
    upright = np.stack([across, across[:, ::-1] * [-1, 1]], 2) / np.hypot(*across.T)[:, None, None]

    def misfit(head):
        apart = (project(head, template.five)[..., :2] - points) @ upright  # k 5 2
        apart = apart / scale[:, None, None] / SPREAD
        return np.hstack([apart.reshape(-1, 10), head[:, :2] / USUAL])  # k 12

    frontal = np.zeros(len(points))
    head = np.column_stack(
        [frontal, frontal, np.degrees(roll), np.log(scale), points[:, :2].mean(1)]
    )
    nudges = np.diag([1e-3, 1e-3, 1e-3, 1e-5, 1e-3, 1e-3])
    for _ in range(STEPS):
        here = misfit(head)
        slopes = [(misfit(head + nudge) - here) / nudge.max() for nudge in nudges]
        jacobian = np.stack(slopes, 2)  # k 12 6
        transposed = jacobian.swapaxes(1, 2)
        head = head - np.linalg.solve(transposed @ jacobian, transposed @ here[..., None])[..., 0]
    return project(head, template.points).astype(np.float32)


class FittedLandmarks:
    """Landmarks by `fit_five_points` alone: the average head, turned and moved.

    Every face gets the same shape. It is what `EmbeddedLandmarks` is checked by, and compared with.
    """

    name = "fitted"

    def __call__(self, frames, faces: Faces) -> Float[np.ndarray, "k 68 3"]:
        """The landmarks of one face a frame. Only the five points count, not the pixels."""
        return fit_five_points(faces.points)

    def describe(self) -> dict[str, str]:
        """What a store or a model records of its landmarks."""
        return {"landmarks": self.name, "template": load_template().digest}
