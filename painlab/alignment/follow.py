"""Following one face through a video: the search is dear, a look where the face was is cheap."""

import numpy as np

from painlab.alignment.detect import FaceDetector
from painlab.alignment.mtcnn import Faces
from painlab.typing import Float, UInt8

OVERLAP = 0.3  # intersection over union above which two boxes hold the same face
CUT = 25.0  # mean change of a pixel (0 to 255) from frame to frame that means another scene
THUMBNAIL = 24  # pixels


class FaceFollower:
    """Gives the face of each frame, in order, over any number of calls.

    Frames are taken in blocks. In a block all frames are looked at together where the face was
    at the block's start. From the first frame on that does not show it there, and after a cut
    of scenes, the block's frames are searched. Every ``detect_every`` frames the search is made
    all the same: where it finds faces but not the one that is followed, that one is given up.

    Of several faces the one that is followed is taken, at first the largest.
    """

    def __init__(self, detector: FaceDetector, *, block: int = 8, detect_every: int = 96):
        self.detector, self.block = detector, block
        self._look = detector.networks.look
        self.recheck = max(1, round(detect_every / block))  # in blocks
        self.index = 0  # frames seen
        self.anchor: Faces | None = None  # where this block's frames are looked at: one row
        self.near: float | None = None  # the size of face that this block's searches begin with
        self.last: Faces | None = None  # the last face found: one row
        self.thumbnail = None

    def __call__(self, frames: UInt8[np.ndarray, "k height width c"]) -> Faces:
        """The face of each frame; rows as of `Faces.none` where there is none."""
        parts = [Faces.none(0)]
        while len(frames):
            length = self.block - self.index % self.block
            parts.append(self._block(frames[:length]))
            frames = frames[length:]
        return Faces.join(parts)

    def _block(self, frames) -> Faces:
        """The rest of a block, or what a call brought of it."""
        if self.anchor is not None and self.index % (self.block * self.recheck) == 0:
            self._verify(frames[:1])
        cuts = self._cuts(frames)
        parts = []
        for start, scene in zip([0, *cuts], np.split(frames, cuts), strict=True):
            if start in cuts:
                self._forget()  # another scene: whoever is largest in it
            parts.append(self._follow(scene) if self.anchor is not None else self._search(scene))
        faces = Faces.join(parts)
        self.index += len(frames)
        if self.index % self.block == 0:
            here = faces.confidence[-1] > 0
            self.anchor = faces.pick(slice(-1, None)) if here else None
            self.near = None if self.last is None else float(_sides(self.last.boxes).max())
        return faces

    def _follow(self, frames) -> Faces:
        """Look where the face was; search from the first frame on that does not show it there."""
        k = len(frames)
        faces = self._look(frames, self.anchor.boxes.repeat(k, 0), self.anchor.angles.repeat(k))
        faces = self._look(frames, faces.boxes, faces.angles, mirror=True)
        lost = faces.confidence < self.detector.min_confidence
        lost |= overlap(faces.boxes, self.anchor.boxes[0]) < OVERLAP
        kept = int(lost.argmax()) if lost.any() else k
        if kept:
            self.last = faces.pick(slice(kept - 1, kept))
        if kept < k:
            self.anchor = None
        return Faces.join([faces.pick(slice(kept)), self._search(frames[kept:])])

    def _search(self, frames) -> Faces:
        """The face of each frame, found anew and then looked at upright."""
        faces = Faces.none(len(frames))
        if not len(frames):
            return faces
        chosen = {}
        for i, found in enumerate(self.detector.search(frames, near=self.near)):
            if len(found.boxes):
                chosen[i] = self.last = found.pick([_choose(found, self.last)])
        if not chosen:
            return faces
        boxes, angles, *_ = Faces.join(list(chosen.values()))
        seen = self._look([frames[i] for i in chosen], boxes, angles, mirror=True)
        certain = seen.confidence >= self.detector.min_confidence
        for field, values in zip(faces, seen, strict=True):
            field[np.array(list(chosen))[certain]] = values[certain]
        return faces

    def _verify(self, frame) -> None:
        """Give the face up if a search finds others but not this one."""
        (found,) = self.detector.search(frame, near=self.near)
        if len(found.boxes) and overlap(found.boxes, self.anchor.boxes[0]).max() < OVERLAP:
            self._forget()

    def _forget(self) -> None:
        self.anchor = self.last = self.near = None

    def _cuts(self, frames) -> list[int]:
        """The frames with which another scene begins."""
        import cv2

        cuts = []
        for i, frame in enumerate(frames):
            step = 1 + min(frame.shape[:2]) // (4 * THUMBNAIL)  # enough pixels, and no more
            small = np.ascontiguousarray(frame[::step, ::step])
            small = cv2.resize(small, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
            small = small.astype(np.int16)
            before, self.thumbnail = self.thumbnail, small
            if before is not None and np.abs(small - before).mean() > CUT:
                cuts.append(i)
        return cuts


def overlap(
    boxes: Float[np.ndarray, "k 4"], other: Float[np.ndarray, "4"]
) -> Float[np.ndarray, "k"]:
    """Intersection over union of boxes with one other."""
    sides = np.minimum(boxes[:, 2:], other[2:]) - np.maximum(boxes[:, :2], other[:2])
    common = np.clip(sides, 0, None).prod(1)
    return common / (_sides(boxes).prod(1) + (other[2:] - other[:2]).prod() - common)


def _sides(boxes):
    return boxes[:, 2:] - boxes[:, :2]


def _choose(faces: Faces, last: Faces | None) -> int:
    """The row of the face that was last seen, else of the largest."""
    if last is not None:
        common = overlap(faces.boxes, last.boxes[0])
        if common.max() >= OVERLAP:
            return int(common.argmax())
    return int(_sides(faces.boxes).prod(1).argmax())
