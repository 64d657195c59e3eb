"""Finding faces in whole frames: MTCNN's cascade, run on as few pixels as will do."""

import math

import numpy as np
import torch
from torch import Tensor

from painlab.alignment.mtcnn import CELL, MTCNN, Faces, square_crops
from painlab.typing import UInt8

SETTLED = 0.95  # a face this certain ends the search for others of another size
PROPOSAL, CHECKED = 0.6, 0.7  # MTCNN's own thresholds for P-Net and R-Net


class FaceDetector:
    """Searches frames for faces, the largest first.

    MTCNN as published looks for faces of every size from 20 pixels on, and spends nearly all of
    its time on the small ones. Here sizes are taken an octave at a time, on a copy of the frames
    that is as small as the octave allows, until a face is found that leaves no doubt.

    Args:
        min_face: pixels of the smallest face to look for; by default a sixteenth of the shorter
            side of the frames, at least 20.
        min_confidence: what O-Net must be sure of, 0 to 1, to call something a face.
        device: where the networks run.
    """

    def __init__(
        self, *, min_face: int | None = None, min_confidence: float = 0.7, device: torch.device
    ):
        self.min_face, self.min_confidence = min_face, min_confidence
        self.networks = MTCNN(device=device)

    def octaves(self, height: int, width: int, near: float | None = None) -> list[float]:
        """Sizes of faces to look for, in order; each stands for faces up to twice as large.

        From the largest that fits the frame down to the smallest allowed. With ``near``, the
        sizes closest to that one come first.
        """
        short = min(height, width)
        smallest = self.min_face or max(20, short // 16)
        if short < smallest:
            return []
        count = math.ceil(math.log2(short / smallest) + 0.5)
        sizes = [max(float(smallest), short / math.sqrt(2) / 2**i) for i in range(count)]
        if near is not None:
            sizes.sort(key=lambda size: abs(math.log(size * math.sqrt(2) / near)))
        return sizes

    @torch.inference_mode()
    def search(
        self, frames: UInt8[np.ndarray, "k height width c"], *, near: float | None = None
    ) -> list[Faces]:
        """The faces of each frame; those of one octave, where one of them is beyond doubt."""
        found = [Faces.none(0)] * len(frames)
        sizes = self.octaves(*frames.shape[1:3], near)
        if not sizes:
            return found
        # R-Net and O-Net see a face in 24 and 48 pixels: finer than that nothing is needed.
        shrink = min(1.0, 4 * CELL / min(sizes))
        small = [_resized(frame, shrink) for frame in frames]
        pending = list(range(len(frames)))
        for size in sizes:
            octave = self._octave([small[i] for i in pending], size * shrink)
            for i, faces in zip(pending, octave, strict=True):
                found[i] = Faces.join([found[i], _enlarged(faces, 1 / shrink)])
            pending = [i for i in pending if found[i].confidence.max(initial=0) < SETTLED]
            if not pending:
                break
        return found

    def _octave(self, frames: list, size: float) -> list[Faces]:
        """The cascade for faces from ``size`` to twice that."""
        from facenet_pytorch.models.utils.detect_face import batched_nms_numpy

        shrink = min(1.0, 4 * CELL / size)
        small = [_resized(frame, shrink) for frame in frames]
        boxes, owner = self._propose(np.stack(small), size * shrink)
        boxes, owner = self._check(small, boxes, owner)
        level = np.zeros(len(boxes))
        faces = self.networks.look([small[i] for i in owner], boxes.double().numpy(), level)
        good = faces.confidence >= self.min_confidence
        faces, owner = faces.pick(good), owner[torch.from_numpy(good)]
        boxes, scores = torch.from_numpy(faces.boxes), torch.from_numpy(faces.confidence)
        keep = batched_nms_numpy(boxes, scores, owner, 0.7, "Min").numpy()
        faces, owner = _enlarged(faces.pick(keep), 1 / shrink), owner.numpy()[keep]
        return [faces.pick(owner == i) for i in range(len(frames))]

    def _propose(self, frames, size: float) -> tuple[Tensor, Tensor]:
        """P-Net on two copies, half an octave apart: its boxes, and the frame that each is of."""
        from facenet_pytorch.models.utils.detect_face import generateBoundingBox, rerec
        from torch.nn.functional import interpolate
        from torchvision.ops import batched_nms

        images = self.networks.to_network(frames)
        height, width = images.shape[2:]
        proposals, owners = [], []
        for scale in (CELL / size, CELL / size / math.sqrt(2)):
            shape = math.ceil(height * scale), math.ceil(width * scale)
            if min(shape) < CELL:
                continue
            shifts, scores = self.networks.pnet(interpolate(images, shape, mode="area"))
            boxes, owner = generateBoundingBox(shifts, scores[:, 1], scale, PROPOSAL)
            keep = batched_nms(boxes[:, :4], boxes[:, 4], owner, 0.5)
            proposals.append(boxes[keep].cpu())
            owners.append(owner[keep].cpu())
        boxes, owner = torch.cat([torch.zeros(0, 9), *proposals]), torch.cat([_NONE, *owners])
        keep = batched_nms(boxes[:, :4], boxes[:, 4], owner, 0.7)
        boxes, shifts = boxes[keep, :4], boxes[keep, 5:]
        sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        return rerec(boxes + shifts * sides), owner[keep]

    def _check(self, frames, boxes: Tensor, owner: Tensor) -> tuple[Tensor, Tensor]:
        """R-Net throws out most proposals and moves the rest."""
        from facenet_pytorch.models.utils.detect_face import bbreg, rerec
        from torchvision.ops import batched_nms

        if not len(boxes):
            return boxes, owner
        level = np.zeros(len(boxes))
        crops, _ = square_crops(
            [frames[i] for i in owner], boxes.double().numpy(), level, size=2 * CELL
        )
        shifts, scores = (out.cpu() for out in self.networks.rnet(self.networks.to_network(crops)))
        good = scores[:, 1] > CHECKED
        boxes, owner, shifts, scores = boxes[good], owner[good], shifts[good], scores[good, 1]
        keep = batched_nms(boxes, scores, owner, 0.7)
        return rerec(bbreg(boxes[keep], shifts[keep])), owner[keep]


_NONE = torch.zeros(0, dtype=torch.long)


def _resized(frame, shrink: float):
    """A smaller copy of a frame; the frame itself where it is not to shrink."""
    import cv2

    if shrink >= 1:
        return frame
    height, width = frame.shape[:2]
    shape = max(1, round(width * shrink)), max(1, round(height * shrink))
    return cv2.resize(frame, shape, interpolation=cv2.INTER_AREA)


def _enlarged(faces: Faces, factor: float) -> Faces:
    """Faces of a smaller copy in the pixels of the frame: the corner stays, not pixel (0, 0)."""
    return faces._replace(
        boxes=(faces.boxes + 0.5) * factor - 0.5, points=(faces.points + 0.5) * factor - 0.5
    )
