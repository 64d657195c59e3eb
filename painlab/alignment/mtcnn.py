"""MTCNN's three networks, and a look with the last of them at a place where a face should be.

Zhang et al., IEEE Signal Processing Letters 23, 2016. P-Net slides over small copies of the
picture and proposes boxes, R-Net throws most of them out, O-Net decides and places five points.
The networks and their weights are facenet-pytorch's.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from painlab.alignment.warp import invert, similarity, transform_points, warp_frame
from painlab.errors import AlignmentError
from painlab.typing import Float, UInt8

CELL = 12  # pixels: the face that P-Net was trained to see; R-Net takes 24 and O-Net 48


class Faces(NamedTuple):
    """Faces, one a row.

    A face may be tilted in the plane: its box is meant as turned by ``angles`` (radians,
    clockwise) about its centre.
    """

    boxes: Float[np.ndarray, "k 4"]  # left, top, right, bottom
    angles: Float[np.ndarray, "k"]
    confidence: Float[np.ndarray, "k"]  # 0 to 1
    points: Float[np.ndarray, "k 5 2"]  # eyes, tip of the nose, corners of the mouth

    @classmethod
    def none(cls, k: int) -> "Faces":
        """Rows for frames without a face: confidence 0, and not a number for the rest."""
        nowhere = np.full((k, 4), np.nan), np.full(k, np.nan)
        return cls(*nowhere, np.zeros(k), np.full((k, 5, 2), np.nan))

    @classmethod
    def join(cls, parts: Sequence["Faces"]) -> "Faces":
        """The faces of several sets, one after another."""
        return cls(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))

    def pick(self, rows) -> "Faces":
        """The faces of some rows."""
        return Faces(*(field[rows] for field in self))


class MTCNN:
    """The networks on a device: `pnet`, `rnet`, `onet`, and `look`."""

    def __init__(self, *, device: torch.device):
        self.device = device
        names = ("PNet", "RNet", "ONet")
        self.pnet, self.rnet, self.onet = (load_network(name, device=device) for name in names)

    @torch.inference_mode()
    def look(
        self,
        frames: Iterable[UInt8[np.ndarray, "height width c"]],
        boxes: Float[np.ndarray, "... 4"],
        angles: Float[np.ndarray, "..."],
        *,
        mirror: bool = False,
    ) -> Faces:
        """O-Net on the square about each box, turned upright by its angle: one box a frame.

        With ``mirror`` it sees the mirror image too, and the two answers are averaged: that
        removes what the network answers differently to left and right.
        """
        if not len(boxes):
            return Faces.none(0)
        crops, transforms = square_crops(frames, boxes, angles, size=4 * CELL)
        images = self.to_network(crops)
        answers = [_read(*self.onet(images))]
        if mirror:
            box, score, points = _read(*self.onet(images.flip(-1)))
            box = np.stack([1 - box[:, 2], box[:, 1], 1 - box[:, 0], box[:, 3]], 1)
            points = (points * [-1, 1] + [1, 0])[:, [1, 0, 2, 4, 3]]  # left is right in a mirror
            answers.append((box, score, points))
        box, score, points = (np.mean(answer, 0) for answer in zip(*answers, strict=True))
        return _placed(box, score, points, transforms)

    def to_network(self, pixels: UInt8[np.ndarray, "k height width c"]) -> Tensor:
        """Pixels as MTCNN wants them: from about -1 to 1, colours before height and width."""
        images = torch.from_numpy(pixels).to(self.device)
        images = rearrange(images, "k height width c -> k c height width")
        return (images.float() - 127.5) / 128


def load_network(name: str, *, device: torch.device) -> nn.Module:
    """One of MTCNN's networks, "PNet", "RNet" or "ONet", with facenet-pytorch's weights.

    Raises:
        AlignmentError: where the weights are missing or are not what they should be.
    """
    import facenet_pytorch

    path = Path(facenet_pytorch.__file__).parent / "data" / f"{name.lower()}.pt"
    with torch.device("meta"):  # no memory yet, and no draw from the caller's random numbers
        network = getattr(facenet_pytorch.models.mtcnn, name)(pretrained=False)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(state, assign=True)
    except Exception as error:
        raise AlignmentError(
            f"{path}: MTCNN's weights cannot be read; install facenet-pytorch again."
        ) from error
    network = network.requires_grad_(False).eval()
    return network.to(device, memory_format=torch.channels_last)  # twice as fast on a CPU


def square_crops(frames, boxes, angles, *, size: int):
    """The square about each box, upright, of ``size`` pixels; and the transforms that lead there.

    Frames may repeat: box i lies in the i-th.
    """
    transforms = [
        similarity(
            turn=angle,
            zoom=float(size / max(box[2] - box[0], box[3] - box[1], 1.0)),
            place=(box[:2] + box[2:]) / 2,
            target=np.full(2, size / 2 - 0.5),
        )
        for box, angle in zip(boxes, angles, strict=True)
    ]
    pairs = zip(frames, transforms, strict=True)
    return np.stack([warp_frame(frame, t, size=size) for frame, t in pairs]), transforms


def _read(shifts: Tensor, points: Tensor, scores: Tensor):
    """O-Net's boxes, scores and points, as shares of the crop's side."""
    boxes = shifts.double().cpu().numpy() + np.array([0, 0, 1, 1])
    points = rearrange(points.double().cpu().numpy(), "k (xyz j) -> k j xyz", xyz=2)
    return boxes, scores[:, 1].double().cpu().numpy(), points


def _placed(boxes, scores, points, transforms) -> Faces:
    """What O-Net said of the crops, carried back to the frames."""
    back = [invert(transform) for transform in transforms]
    places = np.stack([boxes[:, :2], boxes[:, 2:]], 1)  # k 2 2: two corners
    middles = np.concatenate([points, places.mean(1, keepdims=True)], 1) * 4 * CELL - 0.5
    places = np.stack([transform_points(p, t) for p, t in zip(middles, back, strict=True)])
    points, middle = places[:, :5], places[:, 5]
    zoom = np.array([math.hypot(*t[:, 0]) for t in back])
    half = (boxes[:, 2:] - boxes[:, :2]) * 2 * CELL * zoom[:, None]
    # The eye line and the mouth line together are steadier than either.
    across = points[:, 1] - points[:, 0] + points[:, 4] - points[:, 3]
    angles = np.arctan2(across[:, 1], across[:, 0])
    return Faces(np.hstack([middle - half, middle + half]), angles, scores, points)
