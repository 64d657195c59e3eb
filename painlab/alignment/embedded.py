"""The 68 landmarks of a face, from a small network that comes with painlab.

It learned on rendered faces alone (`painlab.training.landmarks`) and has never seen a person in
pain. The fit of `painlab.alignment.landmarks` tells it where to look, and steps in where it fails.
"""

import hashlib
import math

import numpy as np
import torch
from einops import rearrange

from painlab.alignment.landmarks import fit_five_points
from painlab.alignment.mtcnn import Faces
from painlab.alignment.network import LandmarkNet
from painlab.alignment.pose import (
    LEFT_EYE,
    MIRRORED,
    RIGHT_EYE,
    fit_pose,
    load_template,
    rotation_angles,
)
from painlab.alignment.warp import invert, similarity, transform_points, warp_frame
from painlab.config import LandmarkNetConfig
from painlab.typing import Bool, Float, UInt8
from painlab.weights import find_weights, read_model

WEIGHTS = "landmarks68-synthface"
BATCH = 32  # faces that pass through the network together
FILL = 0.62  # of a crop's side: the longer side of the box about its landmarks
# Of the distance between the eyes. Where the network saw a face it was never farther off: 0.15 at
# most on 68 photographs and 5 clips, 0.27 on rendered heads (there the five points were wrong).
MOST_APART = 0.3
# Pixels of the crop: how wide its maps are on average. On these faces, on rendered ones and under a
# plain patch 5.2 at most; on plain grey 10.6, where it answers with the mean head, and on noise and
# pictures of other things 5.6 and more.
WIDEST = 5.4


def loose_crop(landmarks: Float[np.ndarray, "68 3"], *, size: int) -> Float[np.ndarray, "2 3"]:
    """The transform that sets a face upright into a square, with some room around it.

    The network learned on such crops: the longer side of the box about the 68 points fills
    `FILL` of the square, the box's middle is the square's, and the head's roll is taken out.
    """
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    return similarity(
        turn=math.radians(float(rotation_angles(fit_pose(landmarks).rotation)[2])),
        zoom=FILL * size / float(max(high - low)),
        place=(low + high) / 2,
        target=np.full(2, size / 2 - 0.5),
    )


def five_of(landmarks: Float[np.ndarray, "k 68 3"]) -> Float[np.ndarray, "k 5 2"]:
    """MTCNN's five points, read from 68 landmarks."""
    eyes = [landmarks[:, eye, :2].mean(1) for eye in (LEFT_EYE, RIGHT_EYE)]
    return np.stack([*eyes, *(landmarks[:, j, :2] for j in (30, 48, 54))], 1)  # k 5 2


class EmbeddedLandmarks:
    """Landmarks by a network trained on rendered faces, checked by a fit to MTCNN's five points.

    A face's crop comes from the fit (`fit_five_points`), a second one from what the network found
    in the first. At that it looks twice, at the crop and at its mirror image, and takes the mean:
    it makes points a little more exact and aligned pictures a quarter steadier. Where the network's
    maps are wide, or its own eyes, nose and mouth lie too far from MTCNN's, the frame keeps the
    fit.

    Args:
        device: where the network runs.

    Attributes:
        placed: faces so far.
        fallbacks: how many of them kept the fit.

    Raises:
        WeightsError: where the network's weights are missing or damaged.
    """

    name = "embedded"

    def __init__(self, *, device: torch.device):
        path = find_weights(WEIGHTS)
        self.network = read_model(path, {LandmarkNetConfig: LandmarkNet}).requires_grad_(False)
        self.network.to(device, memory_format=torch.channels_last)
        self.device, self.digest = device, hashlib.sha256(path.read_bytes()).hexdigest()[:10]
        self.placed = self.fallbacks = 0

    def __call__(self, frames, faces: Faces) -> Float[np.ndarray, "k 68 3"]:
        """The landmarks of one face a frame; z in pixels, 0 near the middle between the eyes."""
        landmarks = fit_five_points(faces.points)
        rows = np.arange(len(landmarks))
        for last in (False, True):
            seen, width = self.look([frames[i] for i in rows], landmarks[rows], mirror=last)
            sure = agree(seen, landmarks[rows], faces.points[rows]) & (width <= WIDEST)
            rows = rows[sure]
            landmarks[rows] = seen[sure]
            if not last:
                self.placed += len(sure)
                self.fallbacks += int((~sure).sum())
        return landmarks

    @torch.inference_mode()
    def look(
        self, frames, landmarks: Float[np.ndarray, "k 68 3"], *, mirror: bool = False
    ) -> tuple[Float[np.ndarray, "k 68 3"], Float[np.ndarray, "k"]]:
        """What the network sees in the crop about each face's landmarks: better ones.

        With ``mirror`` it sees the crop's mirror image too, and the two answers are averaged.

        Returns:
            The landmarks; and how wide the network's maps are on average, in pixels of the crop: it
            learned to keep them narrow, and cannot where there is no face.
        """
        if len(landmarks) > BATCH:
            groups = [slice(i, i + BATCH) for i in range(0, len(landmarks), BATCH)]
            parts = [self.look(frames[g], landmarks[g], mirror=mirror) for g in groups]
            return tuple(np.concatenate(part) for part in zip(*parts, strict=True))
        if not len(landmarks):
            return landmarks, np.zeros(0, np.float32)
        size = self.network.config.image_size
        transforms = [loose_crop(points, size=size) for points in landmarks]
        pairs = zip(frames, transforms, strict=True)
        images = torch.from_numpy(np.stack([_picture(*pair, size=size) for pair in pairs]))
        images = rearrange(images.to(self.device), "k height width c -> k c height width") / 255
        found, widths = self._ask(images)
        if mirror:
            other, widths_of_other = self._ask(images.flip(-1))
            other = other[:, MIRRORED]
            other[..., 0] = size - 1 - other[..., 0]
            found, widths = (found + other) / 2, (widths + widths_of_other) / 2
        back = [invert(transform) for transform in transforms]
        flat = np.stack([transform_points(p, t) for p, t in zip(found[..., :2], back, strict=True)])
        scale = np.array([math.hypot(*t[:, 0]) for t in back])
        depth = found[..., 2:] * scale[:, None, None]
        return np.concatenate([flat, depth], 2).astype(np.float32), widths

    def _ask(self, images) -> tuple[Float[np.ndarray, "k j xyz"], Float[np.ndarray, "k"]]:
        """The network's landmarks in the crop, and the mean width of its maps."""
        points, widths = self.network(images, return_spread=True)
        return points.cpu().numpy(), widths.mean(dim=1).cpu().numpy()

    def describe(self) -> dict[str, str]:
        """What a store or a model records of its landmarks."""
        template = load_template().digest
        return {"landmarks": self.name, "weights": self.digest, "template": template}


def agree(
    landmarks: Float[np.ndarray, "k 68 3"],
    fitted: Float[np.ndarray, "k 68 3"],
    points: Float[np.ndarray, "k 5 2"],
) -> Bool[np.ndarray, "k"]:
    """Whether landmarks are finite, and lie on average near MTCNN's five points.

    The measure is the distance between the eyes of the fitted head in space: unlike that in the
    picture it does not shrink when a head turns.
    """
    eyes = fitted[:, LEFT_EYE].mean(1) - fitted[:, RIGHT_EYE].mean(1)  # k xyz
    off = np.linalg.norm(five_of(landmarks) - points, axis=2).mean(1)  # k
    finite = np.isfinite(landmarks).all((1, 2))
    return finite & (off <= MOST_APART * np.linalg.norm(eyes, axis=1))  # a NaN is not below


def _picture(frame, transform, *, size: int) -> UInt8[np.ndarray, "size size c"]:
    """The crop; beyond the frame's edges their colour goes on."""
    import cv2

    height, width = frame.shape[:2]
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) * size - 0.5
    corners = transform_points(corners, invert(transform))
    beyond = max(-corners.min(), *(corners.max(0) - [width - 1, height - 1]))
    if beyond > 0:
        edge = min(math.ceil(beyond), 2 * max(height, width))  # the rest stays black
        frame = cv2.copyMakeBorder(frame, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
        transform = transform.copy()
        transform[:, 2] -= transform[:, :2] @ [edge, edge]
    return warp_frame(frame, transform, size=size)
